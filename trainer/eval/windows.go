package eval

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"longlora/schemas"
)

// windowStep is the distance between the starts of two windows of the published protocol.
const windowStep = 256

// Windows is the protocol of the published figures (LongLoRA's eval.py at commit 4cbb61b): all
// tokens form one stream, a window of size tokens starts at every 256th token while a token follows
// it, but for the last such window, and every position of every window is scored but the first.
// Most tokens are thus scored size/256 times, at different positions.
func Windows(ctx context.Context, s Scorer, seqs iter.Seq2[schemas.Sequence, error], size int,
	progress Progress) (Perplexity, error) {
	if size < 2 || size > s.MaxTokens() {
		return Perplexity{}, fmt.Errorf("perplexity: windows of %d tokens, want 2 to %d",
			size, s.MaxTokens())
	}
	var stream []int32
	for seq, err := range seqs {
		if err != nil {
			return Perplexity{}, fmt.Errorf("perplexity: %w", err)
		}
		stream = append(stream, seq.InputIDs...)
	}
	count := (len(stream)-size+windowStep-1)/windowStep - 1
	if count < 1 {
		return Perplexity{}, fmt.Errorf("perplexity: %d tokens hold no window of %d under this "+
			"protocol, which drops the last; at least %d are needed", len(stream), size, size+windowStep+1)
	}
	t := newTally(size)
	b := newBatch(s, progress, func(_ piece, losses []float32) {
		for i, loss := range losses[1:] {
			t.add(i+1, float64(loss))
		}
	})
	for w := range count {
		from := w * windowStep
		if err := errors.Join(ctx.Err(), b.add(newPiece(stream[from:from+size], 1))); err != nil {
			return Perplexity{}, fmt.Errorf("perplexity: %w", err)
		}
	}
	if err := b.flush(); err != nil {
		return Perplexity{}, fmt.Errorf("perplexity: %w", err)
	}
	return t.perplexity(WindowsName), nil
}

// newPiece returns a piece whose tokens are wanted from the index first on, the very first never.
func newPiece(ids []int32, first int) piece {
	p := piece{ids: ids, first: first, wanted: make([]bool, len(ids))}
	for i := max(first, 1); i < len(ids); i++ {
		p.wanted[i] = true
	}
	return p
}

// Sliding returns the losses of one document under a model that never sees more than window
// tokens. Windows move by step: each token after the first window is predicted from at least
// window-step and at most window-1 tokens before it. The loss of the first token is 0.
func Sliding(ctx context.Context, s Scorer, ids []int32, window, step int, progress Progress) (
	[]float32, error) {
	if step < 1 || step >= window || window > s.MaxTokens() {
		return nil, fmt.Errorf("sliding window of %d tokens moved by %d: want a step below the window "+
			"and a window of at most %d", window, step, s.MaxTokens())
	}
	out := make([]float32, 0, len(ids))
	b := newBatch(s, progress, func(p piece, losses []float32) {
		out = append(out, losses[p.first:]...)
	})
	for scored := 0; scored < len(ids); {
		end := min(max(window, scored+step), len(ids))
		from := max(0, end-window)
		if err := errors.Join(ctx.Err(), b.add(newPiece(ids[from:end], scored-from))); err != nil {
			return nil, fmt.Errorf("sliding window: %w", err)
		}
		scored = end
	}
	if err := b.flush(); err != nil {
		return nil, fmt.Errorf("sliding window: %w", err)
	}
	return out, nil
}
