package eval

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"longlora/schemas"
)

// ShortResult says what an extension did to texts that the model read before it: those of at most
// Limit tokens.
type ShortResult struct {
	Limit     int     `json:"limit"`
	Documents int     `json:"documents"`
	Tokens    int     `json:"tokens"`
	Base      float64 `json:"base_nll"`
	Model     float64 `json:"model_nll"`
	// Difference is the base's mean loss less the model's: negative where the model has got worse.
	Difference Difference `json:"difference"`
}

// Short returns the loss of each sequence's documents as far as their first limit tokens, one
// cluster a document, scored once each.
func Short(ctx context.Context, s Scorer, seqs iter.Seq2[schemas.Sequence, error], limit int,
	progress Progress) ([]Cluster, error) {
	if limit < 2 || limit > s.MaxTokens() {
		return nil, fmt.Errorf("short texts: at most %d tokens each, want 2 to %d", limit, s.MaxTokens())
	}
	var all []Cluster
	b := newBatch(s, progress, func(p piece, losses []float32) {
		c := Cluster{ID: p.id}
		for i, wanted := range p.wanted {
			if wanted {
				c.Targets++
				c.Loss += float64(losses[i])
			}
		}
		all = append(all, c)
	})
	for seq, err := range seqs {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return nil, fmt.Errorf("short texts: %w", err)
		}
		for _, p := range firstPieces(&seq, limit) {
			if err := b.add(p); err != nil {
				return nil, fmt.Errorf("short texts: %w", err)
			}
		}
	}
	if err := b.flush(); err != nil {
		return nil, fmt.Errorf("short texts: %w", err)
	}
	return all, nil
}

// firstPieces returns the beginnings of a sequence's documents that have targets.
func firstPieces(seq *schemas.Sequence, limit int) []piece {
	target := targets(seq)
	var all []piece
	from := 0
	for i, n := range seq.DocLens {
		to := from + min(int(n), limit)
		p := piece{id: seq.Docs[i].SampleID, ids: seq.InputIDs[from:to],
			wanted: slices.Clone(target[from:to])}
		p.wanted[0] = false
		if slices.Contains(p.wanted, true) {
			all = append(all, p)
		}
		from += int(n)
	}
	return all
}

// CompareShort returns the difference that a model makes on the documents that its base was run
// over as well.
func CompareShort(base, model []Cluster, limit int, seed uint64) (ShortResult, error) {
	r := ShortResult{Limit: limit, Documents: len(model)}
	if len(base) != len(model) {
		return r, fmt.Errorf("short texts: %d documents against %d", len(model), len(base))
	}
	gains := make([]Cluster, len(model))
	for i, m := range model {
		b := base[i]
		if b.ID != m.ID || b.Targets != m.Targets {
			return r, fmt.Errorf("short texts: document %d is %q with %d targets, and %q with %d", i, m.ID,
				m.Targets, b.ID, b.Targets)
		}
		r.Tokens += m.Targets
		r.Base, r.Model = r.Base+b.Loss, r.Model+m.Loss
		gains[i] = Cluster{ID: m.ID, Targets: m.Targets, Loss: b.Loss - m.Loss}
	}
	if r.Tokens == 0 {
		return r, fmt.Errorf("short texts: %w", ErrNoTargets)
	}
	r.Base, r.Model = r.Base/float64(r.Tokens), r.Model/float64(r.Tokens)
	r.Difference = Difference{Baseline: "base", Mean: r.Base - r.Model, CI95: bootstrap(gains, seed)}
	return r, nil
}
