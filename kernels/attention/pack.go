package attention

import (
	"fmt"
	"slices"

	"longlora/kernels"
	"longlora/kernels/gemm"
	"longlora/kernels/machine"
)

// heads is a view of a tensor [T, H, Dh], or of its rows from first on, whose last axis is
// contiguous.
type heads struct {
	data      []float32
	t, h, d   int
	row, head int // strides
	first     int // the row that data begins with
}

func view(t kernels.Tensor) heads {
	if t.Rank() != 3 || t.Stride(2) != 1 && t.Dim(2) > 1 {
		panic(fmt.Sprintf("Attention: %v is not [T, H, Dh] with contiguous heads", t))
	}
	return heads{data: machine.F32(t), t: t.Dim(0), h: t.Dim(1), d: t.Dim(2), row: t.Stride(0),
		head: t.Stride(1)}
}

// from returns the elements from row t of head h on.
func (x heads) from(t, h int) []float32 { return x.data[(t-x.first)*x.row+h*x.head:] }

// at returns row t of head h.
func (x heads) at(t, h int) []float32 { return x.from(t, h)[:x.d:x.d] }

// left returns the rows from row t of head h on as left operand.
func (x heads) left(t, h int) gemm.A { return gemm.A{Data: x.from(t, h), Row: x.row, Col: 1} }

// shape is what the operands of a call have in common.
type shape struct {
	*machine.Machine
	tiles   *gemm.Kernels
	d       int // size of a head
	padded  int // the same, up to whole panels
	columns []panel
	unit    int // elements of a word that the tiles take along a contraction: 1, or 2 brain floats
	depth   int // words of a head
}

// panel is a range of a head's dimensions, [from, from+width).
type panel struct{ from, width int }

// result returns the rows from row t of head h on as result, of the dimensions of p.
func (p panel) result(x heads, t, h int) gemm.C {
	return gemm.C{Data: x.from(t, h)[p.from:], Row: x.row}
}

// set makes s that of heads of size d.
func (s *shape) set(m *machine.Machine, d int) {
	tiles, unit := m.Gemm.Kernels(), 1
	if m.Gemm.Words() {
		unit = 2
	}
	*s = shape{Machine: m, tiles: tiles, d: d, padded: tiles.Padded(d), unit: unit,
		depth: machine.Chunks(d, unit), columns: s.columns[:0]}
	for j := 0; j < d; j += tiles.Wide {
		s.columns = append(s.columns, panel{j, tiles.Width(d - j)})
	}
}

// words returns the words of n elements along a contraction.
func (s shape) words(n int) int { return machine.Chunks(n, s.unit) }

// tile is gemm.Kernels.Tile over k words.
func (s shape) tile(rows, width, k int, a gemm.A, b gemm.Panel, c gemm.C, accumulate bool) {
	if s.unit == 2 {
		s.Gemm.TileWords(rows, width, k, a, b, c, accumulate)
	} else {
		s.tiles.Tile(rows, width, k, a, b, c, accumulate)
	}
}

const (
	// pageFloats is the distance at which addresses share a set of a first-level cache.
	pageFloats = 1024
	lineFloats = 16
)

// inPlace reports whether the tiles may use x where it lies: heads are whole panels, and rows do
// not all fall on the same few sets of a cache.
func (s shape) inPlace(x heads) bool { return s.padded == s.d && x.row%pageFloats != 0 }

// copySize returns the floats of a copy of n rows of x for the tiles, 0 if they need none.
func (s shape) copySize(x heads, n int) int {
	if s.inPlace(x) {
		return 0
	}
	return n * (x.h*s.padded + lineFloats)
}

// copied returns the place for a copy of rows [from, to) of x with padded heads, cut off scratch,
// or x itself if it needs none.
func (s shape) copied(x heads, rows span, scratch *[]float32) heads {
	size := s.copySize(x, rows.to-rows.from)
	if size == 0 {
		return x
	}
	x.data, *scratch = (*scratch)[:size], (*scratch)[size:]
	x.row, x.head, x.first = x.h*s.padded+lineFloats, s.padded, rows.from
	return x
}

// fill copies rows of x to dst, the place that copied returned for it, on all threads.
func (s shape) fill(dst, x heads, rows span) {
	if s.inPlace(x) {
		return
	}
	machine.Rows(s.Machine, rows.to-rows.from, x.h*s.padded, filling{dst, x, rows.from, s.padded},
		(*filling).rows)
}

// filling is one call of fill.
type filling struct {
	dst, x        heads
	first, padded int
}

func (f *filling) rows(_, from, to int) {
	for t := f.first + from; t < f.first+to; t++ {
		for h := range f.x.h {
			row := f.dst.from(t, h)[:f.padded]
			clear(row[copy(row, f.x.at(t, h)):])
		}
	}
}

// packTransposed packs rows of head h as right operand of a product along dimensions: panels of
// Wide rows each, the last one padded with zeros. A panel's first row is a multiple of Wide.
func (s shape) packTransposed(worker int, dst []float32, x heads, h int, rows span) {
	wide := s.tiles.Wide
	for i := rows.from; i < rows.to; i += wide {
		src := gemm.B{F32: x.from(i, h), Row: 1, Col: x.row}
		s.pack(worker, dst[(i-rows.from)*s.depth:], src, min(wide, rows.to-i), wide)
	}
}

// pack packs the first columns of a right operand of a product along dimensions as a panel.
func (s shape) pack(worker int, dst []float32, b gemm.B, cols, width int) {
	if s.unit == 2 {
		s.Gemm.PackPanel(worker, dst, b, s.d, cols, width)
	} else {
		s.tiles.Pack(dst, b, s.d, cols, width)
	}
}

// leftSize returns the floats of n rows of x as left operand of products along dimensions, 0 if it
// may lie where it is.
func (s shape) leftSize(x heads, n int) int {
	if s.unit == 1 {
		return s.copySize(x, n)
	}
	return n * s.leftRow(x)
}

func (s shape) leftRow(x heads) int { return x.h*s.depth + lineFloats }

// left returns rows of x as left operand of products along dimensions, in memory cut off scratch.
func (s shape) left(x heads, rows span, scratch *[]float32) heads {
	if s.unit == 1 {
		y := s.copied(x, rows, scratch)
		s.fill(y, x, rows)
		return y
	}
	size := s.leftSize(x, rows.to-rows.from)
	y := heads{data: (*scratch)[:size], t: x.t, h: x.h, d: s.depth, row: s.leftRow(x), head: s.depth,
		first: rows.from}
	*scratch = (*scratch)[size:]
	machine.Rows(s.Machine, rows.to-rows.from, x.h*x.d, joining{s.Gemm, y, x, rows},
		(*joining).neighbours)
	return y
}

// joining is one call of left or right.
type joining struct {
	gemm *gemm.Driver
	y, x heads
	rows span
}

func (j *joining) neighbours(_, from, to int) {
	from, to = j.rows.from+from, j.rows.from+to
	for h := range j.x.h {
		a := gemm.A{Data: j.x.from(from, h), Row: j.x.row, Col: 1}
		j.gemm.JoinNeighbours(j.y.from(from, h), j.y.row, a, to-from, j.x.d)
	}
}

// right is a right operand of products along rows: words of unit rows each, from row first on.
type right struct {
	heads
	unit int
}

// panel returns the rows from row t of head h on, of the dimensions of p. t is a multiple of unit.
func (r right) panel(t, h int, p panel) gemm.Panel {
	return gemm.Panel{Data: r.data[(t-r.first)/r.unit*r.row+h*r.head+p.from:], Row: r.row}
}

// rightSize returns the floats of n rows of x as right operand of products along rows, 0 if it may
// lie where it is.
func (s shape) rightSize(x heads, n int) int {
	if s.unit == 1 {
		return s.copySize(x, n)
	}
	return s.words(n) * s.rightRow(x)
}

func (s shape) rightRow(x heads) int { return x.h*s.padded + lineFloats }

// right returns rows of x as right operand of products along rows, in memory cut off scratch.
// rows.from is a multiple of unit.
func (s shape) right(x heads, rows span, scratch *[]float32) right {
	if s.unit == 1 {
		y := s.copied(x, rows, scratch)
		s.fill(y, x, rows)
		return right{y, 1}
	}
	n := rows.to - rows.from
	size := s.rightSize(x, n)
	y := right{heads{data: (*scratch)[:size], t: rows.to, h: x.h, d: s.padded, row: s.rightRow(x),
		head: s.padded, first: rows.from}, s.unit}
	*scratch = (*scratch)[size:]
	machine.Rows(s.Machine, s.words(n), 2*x.h*s.padded, joining{s.Gemm, y.heads, x, rows},
		(*joining).pairs)
	return y
}

// pairs joins rows two by two.
func (j *joining) pairs(_, from, to int) {
	first, last := 2*from, min(2*to, j.rows.to-j.rows.from)
	for h := range j.x.h {
		b := gemm.B{F32: j.x.from(j.rows.from+first, h), Row: j.x.row, Col: 1}
		j.gemm.JoinRows(j.y.data[from*j.y.row+h*j.y.head:], j.y.row, b, last-first, j.x.d)
	}
}

// tame turns elements of words that are not finite into 0, and returns the rows of each head that
// had any.
func (r right) tame() [][]int {
	wild := make([][]int, r.h)
	x := brains(r.data)
	for t := r.first; t < r.t; t++ {
		for h := range r.h {
			bad, at := false, (t-r.first)/2*r.row+h*r.head
			for j := range r.d {
				if b := &x[2*(at+j)+(t-r.first)%2]; *b&0x7f80 == 0x7f80 {
					*b, bad = 0, true
				}
			}
			if bad {
				wild[h] = append(wild[h], t)
			}
		}
	}
	return wild
}

// holds reports whether any of ascending numbers is in a span.
func holds(numbers []int, s span) bool {
	i, _ := slices.BinarySearch(numbers, s.from)
	return i < len(numbers) && numbers[i] < s.to
}

// span is a half-open range of positions.
type span struct{ from, to int }

// segment is the queries of a head group that share a segment: positions [queries.from,
// queries.to), which see keys from start on.
type segment struct {
	queries span
	start   int
}

// segments appends to all a group's segments that hold any of the queries at positions q.
func segments(all []segment, g kernels.HeadGroup, q span) []segment {
	for n := 0; n+1 < len(g.Bounds); n++ {
		from, to := max(int(g.Bounds[n]), q.from), min(int(g.Bounds[n+1]), q.to)
		if from < to {
			all = append(all, segment{span{from, to}, int(g.Bounds[n])})
		}
	}
	return all
}

// check panics unless s covers the query heads and the keys.
func check(s kernels.Segments, queries, heads, keys, keyHeads int) {
	if keyHeads == 0 || heads%keyHeads != 0 {
		panic(fmt.Sprintf("Attention: %d query heads over %d key heads", heads, keyHeads))
	}
	if s.Offset < 0 || s.Offset+queries > keys {
		panic(fmt.Sprintf("Attention: %d queries at offset %d over %d keys", queries, s.Offset,
			keys))
	}
	next := 0
	for _, g := range s.Groups {
		last := len(g.Bounds) - 1
		if g.From != next || g.To < g.From || last < 0 || g.Bounds[0] != 0 ||
			int(g.Bounds[last]) != keys {
			panic(fmt.Sprintf("Attention: head group [%d, %d) after head %d, bounds %v over %d keys",
				g.From, g.To, next, g.Bounds, keys))
		}
		next = g.To
	}
	if next != heads {
		panic(fmt.Sprintf("Attention: head groups end at %d of %d heads", next, heads))
	}
}
