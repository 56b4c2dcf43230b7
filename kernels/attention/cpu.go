package attention

import (
	"math"

	"longlora/kernels"
	"longlora/kernels/machine"
)

const (
	// keyTile is the keys that the online softmax takes at a time, counted from position 0: a
	// query's result depends on it, so that it may depend on nothing else.
	keyTile = 128
	// rowTiles is the height of a block of queries, in tiles of the matrix product.
	rowTiles = 3
)

// CPU computes o = softmax(scale·q kᵀ) v over the keys that s lets each query see, and lse. The
// softmax is online (Milakov and Gimelshein 2018, Dao et al. 2022): memory is linear in T. Every
// query goes through the same tiles of keys whatever follows it, so that its bits depend on nothing
// later.
func CPU(m *machine.Machine, o, lse, q, k, v kernels.Tensor, s kernels.Segments, scale float32) {
	f := newForward(m, o, lse, q, k, v, s, scale)
	f.pack()
	tasks := f.tasks(s)
	m.Pool.Run(len(tasks), func(worker, i int) { f.block(worker, tasks[i]) })
}

// forward is one call of CPU.
type forward struct {
	*machine.Machine
	shape
	o, q, k, v heads
	lse        []float32 // [H, T], stride lseRow
	lseRow     int
	offset     int
	scale      float32
	share      int // query heads a key head
	keys       span
	kT, vRows  []float32 // packed keys and values, one key head after the other
}

func newForward(m *machine.Machine, o, lse, q, k, v kernels.Tensor, s kernels.Segments,
	scale float32) *forward {
	f := &forward{Machine: m, o: view(o), q: view(q), k: view(k), v: view(v), lse: machine.F32(lse),
		lseRow: lse.Stride(0), offset: s.Offset, scale: scale}
	machine.Want("Attention", "o", o, q.Shape()...)
	machine.Want("Attention", "v", v, k.Shape()...)
	machine.Want("Attention", "k", k, f.k.t, f.k.h, f.q.d)
	machine.Want("Attention", "lse", lse, f.q.h, f.q.t)
	check(s, f.q.t, f.q.h, f.k.t, f.k.h)
	if !(scale > 0) {
		panic("Attention: scale is not positive")
	}
	f.shape = newShape(m.Gemm.Kernels(), f.q.d)
	f.share = f.q.h / f.k.h
	f.keys = f.visible(s)
	return f
}

// visible returns the keys that any query sees, from a whole tile on.
func (f *forward) visible(s kernels.Segments) span {
	q := span{s.Offset, s.Offset + f.q.t}
	least := q.to
	for _, g := range s.Groups {
		for _, seg := range segments(g, q) {
			least = min(least, seg.start)
		}
	}
	return span{least / keyTile * keyTile, q.to}
}

// stride returns the floats from one key head's packed keys or values to the next one's.
func (f *forward) stride() int {
	n := f.keys.to - f.keys.from
	return (n + f.tiles.Wide) * f.padded
}

// packedRows is the keys that one task packs.
const packedRows = 1024

func (f *forward) pack() {
	stride := f.stride()
	s := f.Shared(2 * f.k.h * stride)
	f.kT, f.vRows = s[:f.k.h*stride], s[f.k.h*stride:]
	chunks := machine.Chunks(f.keys.to-f.keys.from, packedRows)
	f.Pool.Run(f.k.h*chunks, func(_, i int) {
		h, from := i/chunks, f.keys.from+i%chunks*packedRows
		to := min(from+packedRows, f.keys.to)
		f.packTransposed(f.kT[h*stride+(from-f.keys.from)*f.d:], f.k, h, from, to)
		if i%chunks == 0 {
			f.packRows(f.vRows[h*stride:], f.v, h, f.keys.from, f.keys.to)
		}
	})
}

// task is a block of queries of one head.
type task struct {
	head    int
	queries span // positions
	start   int  // the first key that they see
}

// tasks returns all blocks, heads innermost.
func (f *forward) tasks(s kernels.Segments) []task {
	var all []task
	size := rowTiles * f.tiles.Rows
	for _, g := range s.Groups {
		for _, seg := range segments(g, span{f.offset, f.offset + f.q.t}) {
			for p := seg.queries.from; p < seg.queries.to; p += size {
				for h := g.From; h < g.To; h++ {
					all = append(all, task{h, span{p, min(p+size, seg.queries.to)}, seg.start})
				}
			}
		}
	}
	return all
}

// scratch is a worker's memory for a block of n queries.
type scratch struct {
	q      []float32 // [n, Dh], for heads.left
	scores []float32 // [n, keyTile]
	o      []float32 // [n, padded Dh]
	most   []float32 // [n] greatest score so far, scaled
	sum    []float32 // [n] the softmax's denominator so far
}

func (f *forward) scratch(worker, n int) *scratch {
	s := f.Own(worker, n*(f.d+keyTile+f.padded+2))
	cut := func(size int) []float32 {
		part := s[:size]
		s = s[size:]
		return part
	}
	return &scratch{scores: cut(n * keyTile), o: cut(n * f.padded), q: cut(n * f.d), most: cut(n),
		sum: cut(n)}
}

// block computes the attention of a block of queries.
func (f *forward) block(worker int, t task) {
	n := t.queries.to - t.queries.from
	w := f.scratch(worker, n)
	first := t.queries.from - f.offset
	for r := range n {
		w.most[r], w.sum[r] = float32(math.Inf(-1)), 0
	}
	for from := t.start / keyTile * keyTile; from < t.queries.to; from += keyTile {
		tile := span{max(from, t.start), min(from+keyTile, t.queries.to)}
		f.multiplyKeys(w, t, from, tile)
		f.softmax(w, t, from, tile)
		f.multiplyValues(w, t, from, tile)
	}
	for r := range n {
		row := f.o.at(first+r, t.head)
		copy(row, w.o[r*f.padded:])
		f.Ops.Scale(row, 1/w.sum[r])
		f.lse[t.head*f.lseRow+first+r] =
			float32(float64(w.most[r]) + math.Log(float64(w.sum[r])))
	}
}

// multiplyKeys computes the scores of the panels that tile touches, in the tile that begins at key
// from.
func (f *forward) multiplyKeys(w *scratch, t task, from int, tile span) {
	n, wide := t.queries.to-t.queries.from, f.tiles.Wide
	kT := f.kT[t.head/f.share*f.stride():]
	q, stride := f.q.left(w.q, t.queries.from-f.offset, t.head, n)
	for j := (tile.from - from) / wide * wide; j < tile.to-from; j += wide {
		b := kT[(from+j-f.keys.from)*f.d:]
		for r := 0; r < n; r += f.tiles.Rows {
			f.tiles.Tile(min(f.tiles.Rows, n-r), wide, f.d, q[r*stride:], stride, 1, b,
				w.scores[r*keyTile+j:], keyTile, false)
		}
	}
}

// softmax turns the tile's scores into probabilities up to the rows' denominators, which it carries
// on. Sums are over whole vectors from a fixed place: what a query does not see adds exact zeros.
func (f *forward) softmax(w *scratch, t task, from int, tile span) {
	wide := f.tiles.Wide
	begin := (tile.from - from) / wide * wide
	end := (tile.to - from + wide - 1) / wide * wide
	for r := range t.queries.to - t.queries.from {
		row := w.scores[r*keyTile : (r+1)*keyTile]
		seen := min(tile.to, t.queries.from+r+1) - from
		if seen <= tile.from-from {
			clear(row[begin:end])
			continue
		}
		hide(row[begin : tile.from-from])
		hide(row[seen:end])
		most := max(w.most[r], f.scale*f.Ops.Max(row[tile.from-from:seen]))
		if most != w.most[r] && tile.from > t.start {
			shrink := float32(math.Exp(float64(w.most[r] - most)))
			w.sum[r] *= shrink
			f.Ops.Scale(w.o[r*f.padded:(r+1)*f.padded], shrink)
		}
		w.most[r] = most
		w.sum[r] += f.Ops.ExpSum(row[begin:end], row[begin:end], f.scale, most)
	}
}

// hide makes scores vanish.
func hide(x []float32) {
	for i := range x {
		x[i] = float32(math.Inf(-1))
	}
}

// multiplyValues adds the tile's probabilities times values to the block's output.
func (f *forward) multiplyValues(w *scratch, t task, from int, tile span) {
	n := t.queries.to - t.queries.from
	values := byRow{f.vRows[t.head/f.share*f.stride():], f.keys.to - f.keys.from}
	for r := 0; r < n; r += f.tiles.Rows {
		rows := min(f.tiles.Rows, n-r)
		k := min(tile.to, t.queries.from+r+rows) - tile.from
		if k <= 0 {
			continue // none of these queries sees the tile
		}
		for _, p := range f.columns {
			f.tiles.Tile(rows, p.width, k, w.scores[r*keyTile+tile.from-from:], keyTile, 1,
				values.panel(p, tile.from-f.keys.from), w.o[r*f.padded+p.from:], f.padded,
				tile.from > t.start)
		}
	}
}
