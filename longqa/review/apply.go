package review

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"longlora/pipeline/card"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// Applied counts what came of decisions.
type Applied struct {
	Manifest                  *schemas.Manifest
	Kept, Rejected, Undecided int64
	// Stale are decisions about rows that are not there or changed since.
	Stale int64
}

// Apply publishes the dataset of the rows that were not rejected; with onlyKept, of those that were
// kept.
func Apply(ctx context.Context, d *shard.Dataset, decisions map[string]Decision, out string,
	overwrite,
	onlyKept bool) (*Applied, error) {
	m := d.Manifest()
	o := shard.Options{
		Kind: schemas.KindExample, Name: m.Name + "-reviewed", Overwrite: overwrite, Tokenizer: m.Tokenizer,
		Draw: card.Draw,
		Config: map[string]any{
			"stage": "longqa review", "decisions": digest(decisions), "only_kept": onlyKept,
		},
		Parents: []schemas.Parent{{Name: m.Name, Digest: m.Digest}},
	}
	var err error
	if o.TokenizerFile, err = d.TokenizerFile(ctx); err != nil {
		return nil, fmt.Errorf("review: %w", err)
	}
	b, err := shard.Create(out, o)
	if err != nil {
		return nil, err
	}
	a := &Applied{}
	if err := a.run(ctx, d, decisions, b, onlyKept); err != nil {
		return nil, errors.Join(fmt.Errorf("review %s: %w", d.Dir(), err), b.Abort())
	}
	return a, nil
}

const cardText = "The rows of `%s` without those that a person rejected (`longqa review`): %d were kept by " +
	"decision, %d rejected, %d not looked at%s."

func (a *Applied) run(ctx context.Context, d *shard.Dataset, decisions map[string]Decision,
	b *shard.Builder, onlyKept bool) error {
	used := int64(0)
	for n, f := range d.Manifest().Files {
		var w *shard.FileWriter[schemas.Example]
		for e, err := range shard.FileRows[schemas.Example](d, n) {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
			x, ok := decisions[e.ID]
			if ok = ok && x.Row == rowHash(&e); ok {
				used++
			}
			switch {
			case ok && x.Decision == Reject:
				a.Rejected++
				b.Reject(e.ID, "review-rejected", x.Note)
				continue
			case ok:
				a.Kept++
			default:
				a.Undecided++
				if onlyKept {
					continue
				}
			}
			if w == nil {
				if w, err = shard.NewFile[schemas.Example](b, f.Split, n); err != nil {
					return err
				}
			}
			if err := w.Write(e); err != nil {
				return err
			}
		}
		if w != nil {
			if err := w.Close(); err != nil {
				return err
			}
		}
	}
	a.Stale = int64(len(decisions)) - used
	if a.Kept == 0 && (onlyKept || a.Undecided == 0) {
		return errors.New("no row is left")
	}
	left := ", and stay in"
	if onlyKept {
		left = ", and are left out"
	}
	b.Describe(shard.Card{
		Text: fmt.Sprintf(cardText, d.Manifest().Name, a.Kept, a.Rejected, a.Undecided, left),
		Tags: []string{"question-answering", "long-context", "reviewed"},
	})
	b.Report("review", map[string]int64{
		"kept": a.Kept, "rejected": a.Rejected, "undecided": a.Undecided,
	})
	var err error
	a.Manifest, err = b.Publish()
	return err
}

// digest is a hash over the decisions, whatever the order in which they were taken.
func digest(decisions map[string]Decision) string {
	var lines []string
	for id, x := range decisions {
		lines = append(lines, fmt.Sprintf("%q %s %s", id, x.Decision, x.Row))
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:])
}
