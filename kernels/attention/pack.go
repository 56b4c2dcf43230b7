package attention

import (
	"fmt"

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
	tiles   *gemm.Kernels
	d       int // size of a head
	padded  int // the same, up to whole panels
	columns []panel
}

// panel is a range of a head's dimensions, [from, from+width).
type panel struct{ from, width int }

// right returns the rows from row t of head h on as right operand, of the dimensions of p.
func (p panel) right(x heads, t, h int) gemm.Panel {
	return gemm.Panel{Data: x.from(t, h)[p.from:], Row: x.row}
}

// result returns the same as result.
func (p panel) result(x heads, t, h int) gemm.C {
	return gemm.C{Data: x.from(t, h)[p.from:], Row: x.row}
}

func newShape(tiles *gemm.Kernels, d int) shape {
	s := shape{tiles: tiles, d: d, padded: tiles.Padded(d)}
	for j := 0; j < d; j += tiles.Wide {
		s.columns = append(s.columns, panel{j, tiles.Width(d - j)})
	}
	return s
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
func (s shape) fill(m *machine.Machine, dst, x heads, rows span) {
	if s.inPlace(x) {
		return
	}
	m.Rows(rows.to-rows.from, x.h*s.padded, func(_, from, to int) {
		for t := rows.from + from; t < rows.from+to; t++ {
			for h := range x.h {
				row := dst.from(t, h)[:s.padded]
				clear(row[copy(row, x.at(t, h)):])
			}
		}
	})
}

// packTransposed packs rows of head h as right operand of a product along dimensions: panels of
// Wide rows each, the last one padded with zeros. A panel's first row is a multiple of Wide.
func (s shape) packTransposed(dst []float32, x heads, h int, rows span) {
	wide := s.tiles.Wide
	for i := rows.from; i < rows.to; i += wide {
		src := gemm.B{F32: x.from(i, h), Row: 1, Col: x.row}
		s.tiles.Pack(dst[(i-rows.from)*s.d:], src, s.d, min(wide, rows.to-i), wide)
	}
}

// span is a half-open range of positions.
type span struct{ from, to int }

// segment is the queries of a head group that share a segment: positions [queries.from,
// queries.to), which see keys from start on.
type segment struct {
	queries span
	start   int
}

// segments returns a group's segments that hold any of the queries at positions q.
func segments(g kernels.HeadGroup, q span) []segment {
	var all []segment
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
			panic(fmt.Sprintf(
				"Attention: head group [%d, %d) after head %d, bounds to %d keys of %d", g.From, g.To, next, g.Bounds[max(last, 0)], keys))
		}
		next = g.To
	}
	if next != heads {
		panic(fmt.Sprintf("Attention: head groups end at %d of %d heads", next, heads))
	}
}
