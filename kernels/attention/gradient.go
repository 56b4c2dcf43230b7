package attention

import (
	"sync/atomic"

	"longlora/kernels"
	"longlora/kernels/gemm"
	"longlora/kernels/machine"
	"longlora/kernels/parallel"
)

// gradTile is the keys that the gradient takes at a time.
const gradTile = 128

// CPUGrad overwrites dq, dk, dv. Scores are computed again tile by tile from lse. A task is a tile
// of a key head's keys, whose gradients are nobody else's and are added in one order. Those of a
// block of queries are added by the tiles in turn.
func CPUGrad(m *machine.Machine, dq, dk, dv, do, o, lse, q, k, v kernels.Tensor,
	s kernels.Segments, scale float32) {
	b := machine.Kept[backward](m)
	b.forward = newForward(m, o, lse, q, k, v, s, scale)
	b.dq, b.dk, b.dv, b.do = view(dq), view(dk), view(dv), view(do)
	machine.WantAlike("AttentionGrad", "dq", dq, q)
	machine.WantAlike("AttentionGrad", "do", do, q)
	machine.WantAlike("AttentionGrad", "dk", dk, k)
	machine.WantAlike("AttentionGrad", "dv", dv, v)
	b.prepare()
	b.plan(s)
	// Tiles of all heads before the next tiles: what a task waits for has long begun.
	tiles := machine.Chunks(b.q.t+b.offset, gradTile) - b.keys.from/gradTile
	machine.Tasks(m, tiles*b.k.h, 2*b.work(), b, func(b **backward, worker, i int) {
		(*b).tileOf(worker, i%(*b).k.h, (*b).keys.from+i/(*b).k.h*gradTile)
	})
	b.finish(view(dq), b.dq, span{0, b.q.t})
	b.finish(view(dk), b.dk, b.keys)
	b.finish(view(dv), b.dv, b.keys)
	b.release()
}

// release forgets what is the caller's.
func (b *backward) release() {
	b.forward.release()
	b.dq, b.dk, b.dv, b.do, b.doLeft = heads{}, heads{}, heads{}, heads{}, heads{}
	b.queries, b.gradients, b.rightK = right{}, right{}, right{}
	b.vT, b.delta = nil, nil
}

// backward is one call of CPUGrad. dq, dk and dv are sums that lie as the tiles need them: the
// caller's own, or copies.
type backward struct {
	*forward
	dq, dk, dv, do             heads
	doLeft                     heads          // do as left operand
	queries, gradients, rightK right          // q, do and k as right operands
	vT                         []float32      // packed values
	delta                      []float32      // [H, T] Σ do·o
	segments                   []span         // of each query head, in segs
	turns                      []atomic.Int32 // [H, blocks]: tiles that have added to a block of queries
	order                      parallel.Turns // who adds waits in it for its turn
	blocks                     int            // of queries, of a head
}

// prepare packs keys and values, and copies what the tiles cannot use where it lies.
func (b *backward) prepare() {
	packed, n, queries := b.k.h*b.packedSize(), b.keys.to-b.keys.from, span{0, b.q.t}
	size := 2*packed + b.q.h*b.q.t + b.copySize(b.dq, b.q.t) + b.copySize(b.dk, n) +
		b.copySize(b.dv, n) + b.rightSize(b.k, n)
	for _, x := range []heads{b.q, b.do} {
		size += b.leftSize(x, b.q.t)
		if b.unit == 2 {
			size += b.rightSize(x, b.q.t)
		}
	}
	s := b.Shared(size)
	b.kT, b.vT, s = s[:packed], s[packed:2*packed], s[2*packed:]
	b.delta, s = s[:b.q.h*b.q.t], s[b.q.h*b.q.t:]
	b.packAll(b.kT, b.k)
	b.packAll(b.vT, b.v)
	b.sumDelta()
	b.left, b.doLeft = b.shape.left(b.q, queries, &s), b.shape.left(b.do, queries, &s)
	if b.unit == 2 {
		b.queries, b.gradients = b.right(b.q, queries, &s), b.right(b.do, queries, &s)
	} else {
		b.queries, b.gradients = right{b.left, 1}, right{b.doLeft, 1}
	}
	b.rightK = b.right(b.k, b.keys, &s)
	b.dq = b.copied(b.dq, queries, &s)
	b.dk, b.dv = b.copied(b.dk, b.keys, &s), b.copied(b.dv, b.keys, &s)
	b.clear(b.dk)
	b.clear(b.dv)
}

// sumDelta computes delta.
func (b *backward) sumDelta() {
	machine.Rows(b.Machine, b.q.t, b.q.h*b.d, b, func(c **backward, _, from, to int) {
		b := *c
		for t := from; t < to; t++ {
			for h := range b.q.h {
				b.delta[h*b.q.t+t] = b.Ops.Dot(b.do.at(t, h), b.o.at(t, h))
			}
		}
	})
}

// clear zeroes the keys' rows of x.
func (b *backward) clear(x heads) {
	machine.Rows(b.Machine, b.keys.to-b.keys.from, x.h*b.padded, clearing{x, b.keys.from, b.padded},
		(*clearing).rows)
}

// clearing is one call of clear.
type clearing struct {
	x             heads
	first, padded int
}

func (c *clearing) rows(_, from, to int) {
	for t := c.first + from; t < c.first+to; t++ {
		for h := range c.x.h {
			clear(c.x.from(t, h)[:c.padded])
		}
	}
}

// finish writes a gradient that was computed in a copy to where it is wanted, and zeros to the rows
// that have none.
func (b *backward) finish(dst, sums heads, rows span) {
	machine.Rows(b.Machine, dst.t, dst.h*b.d, finishing{dst, sums, rows, b.inPlace(dst)},
		(*finishing).rows)
}

// finishing is one call of finish.
type finishing struct {
	dst, sums heads
	span      span
	inPlace   bool
}

func (f *finishing) rows(_, from, to int) {
	for t := from; t < to; t++ {
		for h := range f.dst.h {
			if t < f.span.from || t >= f.span.to {
				clear(f.dst.at(t, h))
			} else if !f.inPlace {
				copy(f.dst.at(t, h), f.sums.at(t, h))
			}
		}
	}
}

// plan lists the segments of each head, and the blocks of queries: they are counted from the first
// query on, and segments cut them.
func (b *backward) plan(s kernels.Segments) {
	b.segments, b.segs, b.blocks = b.segments[:0], b.segs[:0], 0
	for _, g := range s.Groups {
		before := len(b.segs)
		b.segs = segments(b.segs, g, span{b.offset, b.offset + b.q.t})
		for range g.To - g.From {
			b.segments = append(b.segments, span{before, len(b.segs)})
		}
		b.blocks = max(b.blocks, len(b.segs)-before)
	}
	b.blocks += machine.Chunks(b.q.t, b.blockSize())
	if n := b.q.h * b.blocks; n > len(b.turns) {
		b.turns = make([]atomic.Int32, n)
	}
	for i := range b.turns {
		b.turns[i].Store(0)
	}
}

func (b *backward) blockSize() int { return rowTiles * b.tiles.Rows }

// gradScratch is a worker's memory for a block of n queries and a tile of keys. Rows of p and dp
// begin lead rows in, so that a pair of queries is one of the right operands' too.
type gradScratch struct {
	p, dp      []float32 // [lead+n, gradTile] probabilities, their gradients; then the scores' gradients
	pT, dsT    []float32 // [words, gradTile] the same as left operands along queries
	ds         []float32 // [n, gradTile/unit] the scores' gradients as left operand along keys
	capped     []float32 // [gradTile] a row's bounded scores
	exps       []float32 // [gradTile]
	begin, end int       // columns of p and dp that are in use
	lead       int
}

func (b *backward) scratch(worker, n int) gradScratch {
	rows := n
	if b.unit == 2 {
		rows = n + 2 // before and after
	}
	s := b.Own(worker, (5*rows+2)*gradTile)
	cut := func(size int) []float32 {
		part := s[:size]
		s = s[size:]
		return part
	}
	w := gradScratch{capped: cut(gradTile), exps: cut(gradTile), p: cut(rows * gradTile),
		dp: cut(rows * gradTile)}
	w.pT, w.dsT, w.ds = w.p, w.dp, w.dp
	if b.unit == 2 {
		w.pT, w.dsT, w.ds = cut(rows/2*gradTile), cut(rows/2*gradTile), cut(rows*gradTile/2)
	}
	return w
}

// tileOf adds the gradients of the keys [from, from+gradTile) of a key head, and what they give to
// the queries that see them.
func (b *backward) tileOf(worker, keyHead, from int) {
	own := b.scratch(worker, b.blockSize())
	w := &own
	for h := keyHead * b.share; h < (keyHead+1)*b.share; h++ {
		block := h * b.blocks // the segment's first
		for _, seg := range b.segs[b.segments[h].from:b.segments[h].to] {
			if seg.start < from+gradTile && from < seg.queries.to {
				b.segment(w, h, seg, from, b.turns[block:])
			}
			block += machine.Chunks(seg.queries.to-seg.queries.from, b.blockSize())
		}
	}
}

// segment does a head's segment: the blocks of queries that see keys of the tile.
func (b *backward) segment(w *gradScratch, head int, s segment, from int, turns []atomic.Int32) {
	size := b.blockSize()
	for p := s.queries.from; p < s.queries.to; p += size {
		start := b.rules.First(s.start, p)
		tile := span{max(from, start), min(from+gradTile, s.queries.to)}
		t := task{head, span{max(p, tile.from), min(p+size, s.queries.to)}, start}
		if t.queries.from >= t.queries.to || tile.from >= tile.to {
			continue // none of these queries sees the tile
		}
		before := int32((from - start/gradTile*gradTile) / gradTile) // tiles of the block
		w.begin = (tile.from - from) / b.tiles.Wide * b.tiles.Wide
		visible := span{tile.from, min(tile.to, t.queries.to)}
		w.end = (visible.to - from + b.tiles.Wide - 1) / b.tiles.Wide * b.tiles.Wide
		w.lead = (t.queries.from - b.offset) % b.unit
		b.scores(w, t, from)
		b.scoreGradients(w, t, from, visible)
		b.join(w, t.queries.to-t.queries.from)
		b.addKeys(w, t, from, visible)
		turn := &turns[(p-s.queries.from)/size]
		b.order.Wait(turn, before)
		b.addQueries(w, t, from, visible)
		b.order.Advance(turn)
	}
}

// scores computes q·kᵀ and do·vᵀ of a block and the panels [begin, end) of the tile at key from.
func (b *backward) scores(w *gradScratch, t task, from int) {
	n, first := t.queries.to-t.queries.from, t.queries.from-b.offset
	wide, kh := b.tiles.Wide, t.head/b.share
	for j := w.begin; j < w.end; j += wide {
		keys, values := b.transposed(b.kT, from+j, kh), b.transposed(b.vT, from+j, kh)
		for r := 0; r < n; r += b.tiles.Rows {
			height, at := min(b.tiles.Rows, n-r), (w.lead+r)*gradTile+j
			b.tile(height, wide, b.depth, b.left.left(first+r, t.head), keys,
				gemm.C{Data: w.p[at:], Row: gradTile}, false)
			b.tile(height, wide, b.depth, b.doLeft.left(first+r, t.head), values,
				gemm.C{Data: w.dp[at:], Row: gradTile}, false)
		}
	}
}

// scoreGradients turns scores into probabilities, and dp into the gradients of the unscaled scores.
func (b *backward) scoreGradients(w *gradScratch, t task, from int, tile span) {
	first := t.queries.from - b.offset
	for r := range t.queries.to - t.queries.from {
		at := (w.lead + r) * gradTile
		p, dp := w.p[at:at+gradTile], w.dp[at:at+gradTile]
		seen, scale := b.seen(tile, t.queries.from+r), b.scale
		if b.rules.Cap > 0 {
			b.Ops.SoftCap(w.capped[w.begin:w.end], p[w.begin:w.end], w.exps, b.scale, b.rules.Cap)
			copy(p[w.begin:w.end], w.capped[w.begin:w.end])
			scale = 1 // bounded scores have it
		}
		hide(p[w.begin : seen.from-from])
		hide(p[seen.to-from : w.end])
		p, dp = p[w.begin:w.end], dp[w.begin:w.end]
		b.Ops.ExpSum(p, p, scale, b.lse[t.head*b.lseRow+first+r])
		b.Ops.Gate(dp, p, dp, b.scale, b.scale*b.delta[t.head*b.q.t+first+r])
		if b.rules.Cap > 0 {
			b.Ops.SoftCapSlope(dp, w.capped[w.begin:w.end], b.rules.Cap)
		}
	}
}

// join makes left operands of words of p and dp, for n queries.
func (b *backward) join(w *gradScratch, n int) {
	if b.unit == 1 {
		return
	}
	rows, cols := w.lead+n, w.end-w.begin
	for _, x := range [][]float32{w.p, w.dp} {
		if w.lead > 0 {
			clear(x[w.begin:w.end])
		}
	}
	right := func(x []float32) gemm.B { return gemm.B{F32: x[w.begin:], Row: gradTile, Col: 1} }
	b.Gemm.JoinRows(w.pT[w.begin:], gradTile, right(w.p), rows, cols)
	b.Gemm.JoinRows(w.dsT[w.begin:], gradTile, right(w.dp), rows, cols)
	b.Gemm.JoinNeighbours(w.ds[w.begin/2:], gradTile/2,
		gemm.A{Data: w.dp[w.lead*gradTile+w.begin:], Row: gradTile, Col: 1}, n, cols)
}

// addKeys adds pᵀ·do to the values' gradients and dsᵀ·q to the keys'. Queries before a tile of keys
// do not see it.
func (b *backward) addKeys(w *gradScratch, t task, from int, tile span) {
	n, first := t.queries.to-t.queries.from, t.queries.from-b.offset
	kh := t.head / b.share
	for key := tile.from; key < tile.to; key += b.tiles.Rows {
		rows := min(b.tiles.Rows, tile.to-key)
		skip := (w.lead + max(0, key-t.queries.from)) / b.unit // words
		at, k, row := skip*gradTile+key-from, b.words(w.lead+n)-skip, first-w.lead+skip*b.unit
		probabilities := gemm.A{Data: w.pT[at:], Row: 1, Col: gradTile}
		gradients := gemm.A{Data: w.dsT[at:], Row: 1, Col: gradTile}
		for _, p := range b.columns {
			b.tile(rows, p.width, k, probabilities, b.gradients.panel(row, t.head, p),
				p.result(b.dv, key, kh), true)
			b.tile(rows, p.width, k, gradients, b.queries.panel(row, t.head, p),
				p.result(b.dk, key, kh), true)
		}
	}
}

// addQueries adds ds·k to the queries' gradients, which begin with a segment's first tile.
func (b *backward) addQueries(w *gradScratch, t task, from int, tile span) {
	n, first := t.queries.to-t.queries.from, t.queries.from-b.offset
	begin := (tile.from - from) / b.unit * b.unit
	for r := 0; r < n; r += b.tiles.Rows {
		rows := min(b.tiles.Rows, n-r)
		k := min(tile.to, t.queries.from+r+rows) - from - begin
		gradients := gemm.A{Data: w.ds[(r*gradTile+begin)/b.unit:], Row: gradTile / b.unit, Col: 1}
		for _, p := range b.columns {
			b.tile(rows, p.width, b.words(k), gradients, b.rightK.panel(from+begin, t.head/b.share, p),
				p.result(b.dq, first+r, t.head), tile.from > t.start)
		}
	}
}
