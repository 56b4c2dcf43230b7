package attention

import (
	"longlora/kernels"
	"longlora/kernels/machine"
)

// CPUGrad overwrites dq, dk, dv. Scores are computed again tile by tile from lse. Tasks are a key
// head's segments, so that keys and queries of a task are nobody else's; inside a task everything is
// added in one order.
func CPUGrad(m *machine.Machine, dq, dk, dv, do, o, lse, q, k, v kernels.Tensor,
	s kernels.Segments, scale float32) {
	b := &backward{forward: newForward(m, o, lse, q, k, v, s, scale),
		dq: view(dq), dk: view(dk), dv: view(dv), do: view(do)}
	machine.Want("AttentionGrad", "dq", dq, q.Shape()...)
	machine.Want("AttentionGrad", "do", do, q.Shape()...)
	machine.Want("AttentionGrad", "dk", dk, k.Shape()...)
	machine.Want("AttentionGrad", "dv", dv, v.Shape()...)
	b.pack()
	tasks := b.tasks(s)
	b.Pool.Run(len(tasks), func(worker, i int) {
		for _, j := range tasks[i] {
			b.segment(worker, j)
		}
	})
	b.unpack()
}

// backward is one call of CPUGrad. Operands are packed one head after the other.
type backward struct {
	*forward
	dq, dk, dv, do   heads
	kRows, vT        []float32 // keys and values as right operands
	qRows, doRows    []float32 // queries and output gradients as right operands
	sumQ, sumK, sumV []float32 // gradients, rows of padded floats
	delta            []float32 // [H, T] Σ do·o
}

// keyStride and queryStride are the floats from one head's operands to the next one's.
func (b *backward) keyStride() int   { return b.stride() }
func (b *backward) queryStride() int { return b.q.t * b.padded }

func (b *backward) pack() {
	keys, queries := b.k.h*b.keyStride(), b.q.h*b.queryStride()
	s := b.Shared(5*keys + 3*queries + b.q.h*b.q.t)
	cut := func(n int) []float32 {
		part := s[:n]
		s = s[n:]
		return part
	}
	b.kT, b.kRows, b.vT, b.sumK, b.sumV = cut(keys), cut(keys), cut(keys), cut(keys), cut(keys)
	b.qRows, b.doRows, b.sumQ = cut(queries), cut(queries), cut(queries)
	b.delta = s
	b.Pool.Run(b.k.h+b.q.h, func(_, i int) {
		if i < b.k.h {
			b.packKeys(i)
		} else {
			b.packQueries(i - b.k.h)
		}
	})
}

func (b *backward) packKeys(h int) {
	at, from, to := h*b.keyStride(), b.keys.from, b.keys.to
	b.packTransposed(b.kT[at:], b.k, h, from, to)
	b.packTransposed(b.vT[at:], b.v, h, from, to)
	b.packRows(b.kRows[at:], b.k, h, from, to)
	clear(b.sumK[at:][:b.keyStride()])
	clear(b.sumV[at:][:b.keyStride()])
}

func (b *backward) packQueries(h int) {
	at := h * b.queryStride()
	b.packRows(b.qRows[at:], b.q, h, 0, b.q.t)
	b.packRows(b.doRows[at:], b.do, h, 0, b.q.t)
	clear(b.sumQ[at:][:b.queryStride()])
	for t := range b.q.t {
		b.delta[h*b.q.t+t] = b.Ops.Dot(b.do.at(t, h), b.o.at(t, h))
	}
}

// unpack copies the gradients to where they are wanted.
func (b *backward) unpack() {
	b.Pool.Run(b.q.h, func(_, h int) {
		b.copyOut(b.dq, h, b.sumQ[h*b.queryStride():], span{0, b.q.t})
	})
	b.Pool.Run(b.k.h, func(_, h int) {
		b.copyOut(b.dk, h, b.sumK[h*b.keyStride():], b.keys)
		b.copyOut(b.dv, h, b.sumV[h*b.keyStride():], b.keys)
	})
}

// copyOut writes head h of dst: rows from sums, zeros outside of them.
func (b *backward) copyOut(dst heads, h int, sums []float32, rows span) {
	for t := range dst.t {
		if t < rows.from || t >= rows.to {
			clear(dst.at(t, h))
			continue
		}
		copy(dst.at(t, h), sums[(t-rows.from)*b.padded:])
	}
}

// job is a segment of one query head.
type job struct {
	head int
	segment
}

// tasks returns lists of jobs that share no keys' gradients: the query heads of a key head and
// segment, or all of a key head if its query heads have different segments.
func (b *backward) tasks(s kernels.Segments) [][]job {
	var all [][]job
	q := span{b.offset, b.offset + b.q.t}
	for h := range b.k.h {
		from, to := h*b.share, (h+1)*b.share
		var mixed []job
		for _, g := range s.Groups {
			for _, seg := range segments(g, q) {
				var jobs []job
				for head := max(from, g.From); head < min(to, g.To); head++ {
					jobs = append(jobs, job{head, seg})
				}
				if g.From <= from && to <= g.To {
					all = append(all, jobs)
				} else {
					mixed = append(mixed, jobs...)
				}
			}
		}
		if len(mixed) > 0 {
			all = append(all, mixed)
		}
	}
	return all
}

// gradScratch is a worker's memory for a block of n queries and a tile of keys.
type gradScratch struct {
	q, do      []float32 // [n, Dh], for heads.left
	p, dp      []float32 // [n, keyTile] probabilities, their gradients; then the scores' gradients
	begin, end int       // columns of p and dp that are in use
}

func (b *backward) scratch(worker, n int) *gradScratch {
	s := b.Own(worker, 2*n*(b.d+keyTile))
	p := n * keyTile
	return &gradScratch{p: s[:p], dp: s[p : 2*p], q: s[2*p : 2*p+n*b.d], do: s[2*p+n*b.d:]}
}

// segment adds the gradients of a query head's segment.
func (b *backward) segment(worker int, j job) {
	size := rowTiles * b.tiles.Rows
	w := b.scratch(worker, size)
	for from := j.start / keyTile * keyTile; from < j.queries.to; from += keyTile {
		tile := span{max(from, j.start), min(from+keyTile, j.queries.to)}
		w.begin = (tile.from - from) / b.tiles.Wide * b.tiles.Wide
		for p := max(tile.from, j.queries.from); p < j.queries.to; p += size {
			t := task{j.head, span{p, min(p+size, j.queries.to)}, j.start}
			visible := span{tile.from, min(tile.to, t.queries.to)}
			w.end = (visible.to - from + b.tiles.Wide - 1) / b.tiles.Wide * b.tiles.Wide
			b.scores(w, t, from)
			b.scoreGradients(w, t, from, visible)
			b.addKeys(w, t, from, visible)
			b.addQueries(w, t, from, visible)
		}
	}
}

// scores computes q·kᵀ and do·vᵀ of a block and the panels [begin, end) of the tile at key from.
func (b *backward) scores(w *gradScratch, t task, from int) {
	n, first := t.queries.to-t.queries.from, t.queries.from-b.offset
	q, qStride := b.q.left(w.q, first, t.head, n)
	do, doStride := b.do.left(w.do, first, t.head, n)
	at, rows, wide := t.head/b.share*b.keyStride(), b.tiles.Rows, b.tiles.Wide
	for j := w.begin; j < w.end; j += wide {
		k, v := b.kT[at+(from+j-b.keys.from)*b.d:], b.vT[at+(from+j-b.keys.from)*b.d:]
		for r := 0; r < n; r += rows {
			height := min(rows, n-r)
			b.tiles.Tile(height, wide, b.d, q[r*qStride:], qStride, 1, k, w.p[r*keyTile+j:], keyTile,
				false)
			b.tiles.Tile(height, wide, b.d, do[r*doStride:], doStride, 1, v, w.dp[r*keyTile+j:],
				keyTile, false)
		}
	}
}

// scoreGradients turns scores into probabilities, and dp into the gradients of the unscaled scores.
func (b *backward) scoreGradients(w *gradScratch, t task, from int, tile span) {
	first := t.queries.from - b.offset
	for r := range t.queries.to - t.queries.from {
		p, dp := w.p[r*keyTile:(r+1)*keyTile], w.dp[r*keyTile:(r+1)*keyTile]
		seen := max(min(tile.to, t.queries.from+r+1), tile.from) - from
		hide(p[w.begin : tile.from-from])
		hide(p[seen:w.end])
		p, dp = p[w.begin:w.end], dp[w.begin:w.end]
		b.Ops.ExpSum(p, p, b.scale, b.lse[t.head*b.lseRow+first+r])
		b.Ops.Gate(dp, p, dp, b.scale, b.scale*b.delta[t.head*b.q.t+first+r])
	}
}

// addKeys adds pᵀ·do to the values' gradients and dsᵀ·q to the keys'. Queries before a tile of keys
// do not see it.
func (b *backward) addKeys(w *gradScratch, t task, from int, tile span) {
	n, first := t.queries.to-t.queries.from, t.queries.from-b.offset
	queries := t.head * b.queryStride()
	qs, dos := byRow{b.qRows[queries:], b.q.t}, byRow{b.doRows[queries:], b.q.t}
	sums := t.head / b.share * b.keyStride()
	for key := tile.from; key < tile.to; key += b.tiles.Rows {
		rows, skip := min(b.tiles.Rows, tile.to-key), max(0, key-t.queries.from)
		a, at := skip*keyTile+key-from, sums+(key-b.keys.from)*b.padded
		for _, p := range b.columns {
			b.tiles.Tile(rows, p.width, n-skip, w.p[a:], 1, keyTile, dos.panel(p, first+skip),
				b.sumV[at+p.from:], b.padded, true)
			b.tiles.Tile(rows, p.width, n-skip, w.dp[a:], 1, keyTile, qs.panel(p, first+skip),
				b.sumK[at+p.from:], b.padded, true)
		}
	}
}

// addQueries adds ds·k to the queries' gradients.
func (b *backward) addQueries(w *gradScratch, t task, from int, tile span) {
	n, first := t.queries.to-t.queries.from, t.queries.from-b.offset
	keys := byRow{b.kRows[t.head/b.share*b.keyStride():], b.keys.to - b.keys.from}
	sums := b.sumQ[t.head*b.queryStride()+first*b.padded:]
	for r := 0; r < n; r += b.tiles.Rows {
		rows := min(b.tiles.Rows, n-r)
		k := min(tile.to, t.queries.from+r+rows) - tile.from
		for _, p := range b.columns {
			b.tiles.Tile(rows, p.width, k, w.dp[r*keyTile+tile.from-from:], keyTile, 1,
				keys.panel(p, tile.from-b.keys.from), sums[r*b.padded+p.from:], b.padded, true)
		}
	}
}
