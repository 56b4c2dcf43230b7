package eval

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"longlora/schemas"
)

// Progress is told how many tokens were run through a model.
type Progress func(tokens int)

// ErrNoTargets reports that nothing of what was given is to be predicted.
var ErrNoTargets = errors.New("there is no token to score")

// PerTokenName and WindowsName are the names of the two protocols.
const (
	PerTokenName = "once"
	WindowsName  = "upstream"
)

// PerToken scores each target of the sequences' loss spans once and weights all targets alike. A
// document longer than limit tokens is cut into pieces of limit tokens that overlap by one, so that
// each target still has one score; the position of a target is that within its piece.
func PerToken(ctx context.Context, s Scorer, seqs iter.Seq2[schemas.Sequence, error], limit int,
	progress Progress) (Perplexity, error) {
	if limit < 2 || limit > s.MaxTokens() {
		return Perplexity{}, fmt.Errorf("perplexity: pieces of %d tokens, want 2 to %d",
			limit, s.MaxTokens())
	}
	t := newTally(limit)
	b := newBatch(s, progress, func(p piece, losses []float32) {
		for i, wanted := range p.wanted {
			if wanted {
				t.add(i, float64(losses[i]))
			}
		}
	})
	for seq, err := range seqs {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return Perplexity{}, fmt.Errorf("perplexity: %w", err)
		}
		for _, p := range pieces(&seq, limit) {
			if err := b.add(p); err != nil {
				return Perplexity{}, fmt.Errorf("perplexity: %w", err)
			}
		}
	}
	if err := b.flush(); err != nil {
		return Perplexity{}, fmt.Errorf("perplexity: %w", err)
	}
	if _, n := t.total(); n == 0 {
		return Perplexity{}, fmt.Errorf("perplexity: %w", ErrNoTargets)
	}
	return t.perplexity(PerTokenName), nil
}

// targets marks a sequence's targets.
func targets(seq *schemas.Sequence) []bool {
	target := make([]bool, len(seq.InputIDs))
	for _, span := range seq.LossSpans {
		for i := span.Start; i < span.End; i++ {
			target[i] = true
		}
	}
	return target
}

// pieces cuts a sequence's documents to at most limit tokens and marks their targets.
func pieces(seq *schemas.Sequence, limit int) []piece {
	target := targets(seq)
	var all []piece
	from := 0
	for _, n := range seq.DocLens {
		end := from + int(n)
		for from+1 < end {
			to := min(from+limit, end)
			p := piece{ids: seq.InputIDs[from:to], wanted: slices.Clone(target[from:to])}
			p.wanted[0] = false // a document's first token, or scored in the piece before
			all = append(all, p)
			from = to - 1
		}
		from = end
	}
	return all
}
