package eval

// piece is a stretch of one document that is scored by itself.
type piece struct {
	id     string // of the document, where it matters
	ids    []int32
	wanted []bool
	first  int // the tokens before are only context
}

// batch packs pieces into calls of a Scorer and hands each its losses, in order.
type batch struct {
	scorer   Scorer
	progress Progress
	done     func(p piece, losses []float32)

	pieces []piece
	ids    []int32
	lens   []int32
	wanted []bool
	losses []float32
}

func newBatch(s Scorer, progress Progress, done func(piece, []float32)) *batch {
	if progress == nil {
		progress = func(int) {}
	}
	return &batch{scorer: s, progress: progress, done: done}
}

// add takes a piece of at most MaxTokens tokens, which must stay as it is until it is scored.
func (b *batch) add(p piece) error {
	if len(b.ids)+len(p.ids) > b.scorer.MaxTokens() {
		if err := b.flush(); err != nil {
			return err
		}
	}
	b.pieces = append(b.pieces, p)
	b.ids = append(b.ids, p.ids...)
	b.lens = append(b.lens, int32(len(p.ids)))
	b.wanted = append(b.wanted, p.wanted...)
	return nil
}

// flush scores what has gathered.
func (b *batch) flush() error {
	n := len(b.ids)
	if n == 0 {
		return nil
	}
	if cap(b.losses) < n {
		b.losses = make([]float32, n)
	}
	losses := b.losses[:n]
	if err := b.scorer.Losses(losses, b.ids, b.lens, b.wanted); err != nil {
		return err
	}
	for _, p := range b.pieces {
		b.done(p, losses[:len(p.ids)])
		losses = losses[len(p.ids):]
	}
	b.progress(n)
	b.pieces, b.ids, b.lens, b.wanted = b.pieces[:0], b.ids[:0], b.lens[:0], b.wanted[:0]
	return nil
}
