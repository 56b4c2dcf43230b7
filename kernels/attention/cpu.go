package attention

import (
	"math"
	"sync/atomic"
	"unsafe"

	"longlora/kernels"
	"longlora/kernels/gemm"
	"longlora/kernels/machine"
)

const (
	// keyTile is the keys that the online softmax takes at a time, counted from position 0: a
	// query's result depends on it, so that it may depend on nothing else.
	keyTile = 256
	// rowTiles is the height of a block of queries, in tiles of the matrix product.
	rowTiles = 3
)

// CPU computes o = softmax(scale·q kᵀ) v over the keys that s lets each query see, and lse. The
// softmax is online (Milakov and Gimelshein 2018, Dao et al. 2022): memory is linear in T. Every
// query goes through the same tiles of keys whatever follows it, so that its bits depend on nothing
// later.
func CPU(m *machine.Machine, o, lse, q, k, v kernels.Tensor, s kernels.Segments, scale float32) {
	f := newForward(m, o, lse, q, k, v, s, scale)
	f.prepare()
	f.plan(s)
	machine.Tasks(m, len(f.tasks), f.work(), f, func(f **forward, worker, i int) {
		(*f).block(worker, (*f).tasks[i])
	})
	f.release()
}

// forward is one call of CPU.
type forward struct {
	shape
	o, q, k, v heads     // the caller's
	left       heads     // q as the tiles take it
	values     right     // v
	lse        []float32 // [H, T], stride lseRow
	lseRow     int
	rules      kernels.Segments
	offset     int
	scale      float32
	share      int // query heads a key head
	keys       span
	kT         []float32 // packed keys, one key head after the other; nil for few queries
	wild       [][]int   // of each key head the keys whose values are not finite; nil: none has any
	together   int       // queries whose values are multiplied together

	// Memory that calls use again.
	segs  []segment
	tasks []task
	bad   atomic.Bool
}

// release forgets what is the caller's.
func (f *forward) release() {
	f.o, f.q, f.k, f.v, f.left, f.values = heads{}, heads{}, heads{}, heads{}, heads{}, right{}
	f.lse, f.kT, f.wild, f.rules = nil, nil, nil, kernels.Segments{}
}

func newForward(m *machine.Machine, o, lse, q, k, v kernels.Tensor, s kernels.Segments,
	scale float32) *forward {
	f := machine.Kept[forward](m)
	f.o, f.q, f.k, f.v, f.lse = view(o), view(q), view(k), view(v), machine.F32(lse)
	f.lseRow, f.offset, f.scale, f.rules = lse.Stride(0), s.Offset, scale, s
	f.kT, f.wild = nil, nil
	machine.WantAlike("Attention", "o", o, q)
	machine.WantAlike("Attention", "v", v, k)
	machine.Want("Attention", "k", k, f.k.t, f.k.h, f.q.d)
	machine.Want("Attention", "lse", lse, f.q.h, f.q.t)
	check(s, f.q.t, f.q.h, f.k.t, f.k.h)
	if !(scale > 0) {
		panic("Attention: scale is not positive")
	}
	f.set(m, f.q.d)
	f.share = f.q.h / f.k.h
	f.keys = f.visible(s)
	return f
}

// work estimates the arithmetic for machine.Tasks: at most a product of scores, in vectors.
func (f *forward) work() int { return f.q.t * f.q.h * (f.keys.to - f.keys.from) * f.d / 16 }

// visible returns the keys that any query sees, from a whole tile on.
func (f *forward) visible(s kernels.Segments) span {
	q := span{s.Offset, s.Offset + f.q.t}
	least := q.to
	for _, g := range s.Groups {
		f.segs = segments(f.segs[:0], g, q)
		for _, seg := range f.segs {
			least = min(least, s.First(seg.start, seg.queries.from))
		}
	}
	return span{least / keyTile * keyTile, q.to}
}

// few is the number of queries that are not worth packing all keys for.
const few = 4

// packedSize returns the floats of one head's packed keys.
func (f *forward) packedSize() int { return (f.keys.to - f.keys.from + f.tiles.Wide) * f.depth }

// prepare packs the keys, and copies queries and values where their layout or precision needs it.
func (f *forward) prepare() {
	n, queries := f.keys.to-f.keys.from, span{0, f.q.t}
	packed := f.k.h * f.packedSize()
	if f.q.t <= few {
		packed = 0
	}
	s := f.Shared(packed + f.rightSize(f.v, n) + f.leftSize(f.q, f.q.t))
	if packed > 0 {
		f.kT, s = s[:packed], s[packed:]
		f.packAll(f.kT, f.k)
	}
	f.left, f.values = f.shape.left(f.q, queries, &s), f.right(f.v, f.keys, &s)
	f.together = f.tiles.Rows
	if f.finite(f.v) {
		return
	}
	// A tile's queries see different keys: those that one does not see, it multiplies by 0, which
	// is NaN for an infinite value. Alone, a query stops at its last key, or at the one after it if
	// they share a word.
	if f.together = 1; f.unit == 2 {
		f.wild = f.values.tame()
	}
}

// finite reports whether the squares of all of the keys' rows of x are finite.
func (f *forward) finite(x heads) bool {
	c := finite{f, x, x.d, x.h}
	if x.head == x.d {
		c.length, c.parts = x.h*x.d, 1
	}
	f.bad.Store(false)
	machine.Rows(f.Machine, f.keys.to-f.keys.from, x.h*x.d, c, (*finite).rows)
	return !f.bad.Load()
}

// finite is one call of forward's finite.
type finite struct {
	f             *forward
	x             heads
	length, parts int // of a row: what lies together
}

func (c *finite) rows(_, from, to int) {
	for t := c.f.keys.from + from; t < c.f.keys.from+to; t++ {
		for h := range c.parts {
			row := c.x.from(t, h)[:c.length]
			if !(c.f.Ops.Dot(row, row) <= math.MaxFloat32) {
				c.f.bad.Store(true)
			}
		}
	}
}

// packAll packs the transposes of all heads of x.
func (f *forward) packAll(dst []float32, x heads) {
	chunks := machine.Chunks(f.keys.to-f.keys.from, packedRows)
	machine.Tasks(f.Machine, x.h*chunks, x.h*x.d*(f.keys.to-f.keys.from), packing{f, dst, x, chunks},
		(*packing).chunk)
}

// packedRows are those of a task of packAll.
const packedRows = 1024

// packing is one call of packAll.
type packing struct {
	f      *forward
	dst    []float32
	x      heads
	chunks int // of a head
}

func (p *packing) chunk(worker, i int) {
	h, from := i/p.chunks, p.f.keys.from+i%p.chunks*packedRows
	to := min(from+packedRows, p.f.keys.to)
	dst := p.dst[h*p.f.packedSize()+(from-p.f.keys.from)*p.f.depth:]
	p.f.packTransposed(worker, dst, p.x, h, span{from, to})
}

// transposed returns head h's panel of keys from row t on, a multiple of Wide, out of what packAll
// packed.
func (f *forward) transposed(packed []float32, t, h int) gemm.Panel {
	return gemm.Panel{Data: packed[h*f.packedSize()+(t-f.keys.from)*f.depth:], Row: f.tiles.Wide}
}

// task is a block of queries of one head.
type task struct {
	head    int
	queries span // positions
	start   int  // the first key that any of them sees
}

// plan lists all blocks, heads innermost.
func (f *forward) plan(s kernels.Segments) {
	f.tasks = f.tasks[:0]
	size := rowTiles * f.tiles.Rows
	for _, g := range s.Groups {
		f.segs = segments(f.segs[:0], g, span{f.offset, f.offset + f.q.t})
		for _, seg := range f.segs {
			for p := seg.queries.from; p < seg.queries.to; p += size {
				for h := g.From; h < g.To; h++ {
					f.tasks = append(f.tasks,
						task{h, span{p, min(p+size, seg.queries.to)}, s.First(seg.start, p)})
				}
			}
		}
	}
}

// scratch is a worker's memory for a block of n queries.
type scratch struct {
	scores []float32 // [n, keyTile]
	p      []float32 // [n, keyTile/unit] probabilities up to the denominator; scores' place if floats
	o      []float32 // [n, padded]
	most   []float32 // [n] greatest score so far, scaled
	sum    []float32 // [n] the softmax's denominator so far
	shrink []float32 // [whole vectors over n] what a tile does to earlier sums
	q      []float32 // [depth, Narrow], for few queries: their transpose
	keys   []float32 // [Rows, depth], for few queries: some keys as words
	tile   []float32 // [Rows, Narrow], for few queries: the transposes of some scores
	exps   []float32 // [keyTile], for bounded scores
}

func (f *forward) scratch(worker, n int) scratch {
	narrow, rows, whole, words := f.tiles.Narrow, f.tiles.Rows, (n+15)/16*16, 0
	if f.unit == 2 {
		words = n * keyTile / 2
	}
	exps := 0
	if f.rules.Cap > 0 {
		exps = keyTile
	}
	s := f.Own(worker,
		n*(keyTile+f.padded+2)+words+whole+(f.depth+rows)*narrow+rows*f.depth+exps)
	cut := func(size int) []float32 {
		part := s[:size]
		s = s[size:]
		return part
	}
	w := scratch{scores: cut(n * keyTile), p: cut(words), o: cut(n * f.padded),
		shrink: cut(whole), q: cut(f.depth * narrow), tile: cut(rows * narrow),
		keys: cut(rows * f.depth), most: cut(n), sum: cut(n), exps: cut(exps)}
	if f.unit == 1 {
		w.p = w.scores
	}
	clear(w.shrink)
	return w
}

// block computes the attention of a block of queries.
func (f *forward) block(worker int, t task) {
	n := t.queries.to - t.queries.from
	own := f.scratch(worker, n)
	w := &own
	first := t.queries.from - f.offset
	for r := range n {
		w.most[r], w.sum[r] = float32(math.Inf(-1)), 0
	}
	if f.kT == nil {
		src := gemm.B{F32: f.q.from(first, t.head), Row: 1, Col: f.q.row}
		f.pack(worker, w.q, src, n, f.tiles.Narrow)
	}
	for from := t.start / keyTile * keyTile; from < t.queries.to; from += keyTile {
		tile := span{max(from, t.start), min(from+keyTile, t.queries.to)}
		if f.kT == nil {
			f.multiplyByKeys(w, t, from, tile)
		} else {
			f.multiplyKeys(w, t, from, tile)
		}
		f.softmax(w, t, from, tile)
		f.multiplyValues(w, t, from, tile)
	}
	for r := range n {
		row := f.o.at(first+r, t.head)
		copy(row, w.o[r*f.padded:])
		f.Ops.Scale(row, 1/w.sum[r])
		if f.wild != nil && holds(f.wild[t.head/f.share], span{t.start, t.queries.from + r + 1}) {
			f.Ops.Scale(row, float32(math.NaN()))
		}
		f.lse[t.head*f.lseRow+first+r] =
			float32(float64(w.most[r]) + math.Log(float64(w.sum[r])))
	}
}

// multiplyKeys computes the scores of the panels that tile touches, in the tile that begins at key
// from.
func (f *forward) multiplyKeys(w *scratch, t task, from int, tile span) {
	n, wide, first := t.queries.to-t.queries.from, f.tiles.Wide, t.queries.from-f.offset
	for j := (tile.from - from) / wide * wide; j < tile.to-from; j += wide {
		keys := f.transposed(f.kT, from+j, t.head/f.share)
		for r := 0; r < n; r += f.tiles.Rows {
			f.tile(min(f.tiles.Rows, n-r), wide, f.depth, f.left.left(first+r, t.head), keys,
				gemm.C{Data: w.scores[r*keyTile+j:], Row: keyTile}, false)
		}
	}
}

// multiplyByKeys computes the same scores, bit for bit, with keys where they lie as left operand.
func (f *forward) multiplyByKeys(w *scratch, t task, from int, tile span) {
	n, narrow := t.queries.to-t.queries.from, f.tiles.Narrow
	for key := tile.from; key < tile.to; key += f.tiles.Rows {
		rows := min(f.tiles.Rows, tile.to-key)
		keys := f.k.left(key, t.head/f.share)
		if f.unit == 2 {
			f.Gemm.JoinNeighbours(w.keys, f.depth, keys, rows, f.d)
			keys = gemm.A{Data: w.keys, Row: f.depth, Col: 1}
		}
		f.tile(rows, narrow, f.depth, keys,
			gemm.Panel{Data: w.q, Row: narrow}, gemm.C{Data: w.tile, Row: narrow}, false)
		for i := range rows {
			for r := range n {
				w.scores[r*keyTile+key-from+i] = w.tile[i*narrow+r]
			}
		}
	}
}

// softmax turns the tile's scores into probabilities up to the rows' denominators, which it carries
// on. Sums are over whole vectors from a fixed place: what a query does not see adds exact zeros.
func (f *forward) softmax(w *scratch, t task, from int, tile span) {
	n, wide := t.queries.to-t.queries.from, f.tiles.Wide
	begin := (tile.from - from) / wide * wide
	end := (tile.to - from + wide - 1) / wide * wide
	scale := f.scale
	if f.rules.Cap > 0 {
		scale = 1 // bounded scores have it
	}
	for r := range n {
		row := w.scores[r*keyTile : (r+1)*keyTile]
		seen := f.seen(tile, t.queries.from+r)
		if f.rules.Cap > 0 {
			f.Ops.SoftCap(row[begin:end], row[begin:end], w.exps, f.scale, f.rules.Cap)
		}
		hide(row[begin : seen.from-from])
		hide(row[seen.to-from : end])
		most := w.most[r]
		if seen.from < seen.to {
			most = max(most, scale*f.Ops.Max(row[seen.from-from:seen.to-from]))
		}
		if w.shrink[r] = 0; most != w.most[r] {
			w.shrink[r] = w.most[r] - most
		}
		w.most[r] = most
	}
	if tile.from > t.start {
		f.Ops.ExpSum(w.shrink, w.shrink, 1, 0)
		for r := range n {
			if w.shrink[r] != 1 {
				w.sum[r] *= w.shrink[r]
				f.Ops.Scale(w.o[r*f.padded:(r+1)*f.padded], w.shrink[r])
			}
		}
	}
	for r := range n {
		row := w.scores[r*keyTile+begin : r*keyTile+end]
		most := w.most[r]
		if math.IsInf(float64(most), -1) {
			most = 0 // the query's window begins in a later tile
		}
		if f.unit == 2 {
			p := brains(w.p)[r*keyTile+begin : r*keyTile+end]
			w.sum[r] += f.Ops.ExpSumBrain(p, row, scale, most)
		} else {
			w.sum[r] += f.Ops.ExpSum(row, row, scale, most)
		}
	}
}

// seen returns what the query at position p sees of a tile of its block's keys, perhaps nothing.
func (f *forward) seen(tile span, p int) span {
	last := max(tile.from, min(tile.to, p+1))
	return span{min(last, f.rules.First(tile.from, p)), last}
}

// hide makes scores vanish.
func hide(x []float32) {
	for i := range x {
		x[i] = float32(math.Inf(-1))
	}
}

// brains returns words as the brain floats that they are.
func brains(words []float32) []uint16 {
	return unsafe.Slice((*uint16)(unsafe.Pointer(&words[0])), 2*len(words))
}

// multiplyValues adds the tile's probabilities times values to the block's output. A first word may
// begin with a key before the segment, whose probabilities are 0.
func (f *forward) multiplyValues(w *scratch, t task, from int, tile span) {
	n, begin := t.queries.to-t.queries.from, (tile.from-from)/f.unit*f.unit
	for r := 0; r < n; r += f.together {
		rows := min(f.together, n-r)
		k := min(tile.to, t.queries.from+r+rows) - from
		if k <= tile.from-from {
			continue // none of these queries sees the tile
		}
		p := gemm.A{Data: w.p[(r*keyTile+begin)/f.unit:], Row: keyTile / f.unit, Col: 1}
		for _, c := range f.columns {
			f.tile(rows, c.width, f.words(k-begin), p, f.values.panel(from+begin, t.head/f.share, c),
				gemm.C{Data: w.o[r*f.padded+c.from:], Row: f.padded}, tile.from > t.start)
		}
	}
}
