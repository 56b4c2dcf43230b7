package attention

import (
	"fmt"

	"longlora/kernels"
	"longlora/kernels/gemm"
	"longlora/kernels/machine"
)

// heads is a view of a tensor [T, H, Dh] whose last axis is contiguous.
type heads struct {
	data      []float32
	t, h, d   int
	row, head int // strides
}

func view(t kernels.Tensor) heads {
	if t.Rank() != 3 || t.Stride(2) != 1 && t.Dim(2) > 1 {
		panic(fmt.Sprintf("Attention: %v is not [T, H, Dh] with contiguous heads", t))
	}
	return heads{machine.F32(t), t.Dim(0), t.Dim(1), t.Dim(2), t.Stride(0), t.Stride(1)}
}

// from returns the elements from row t of head h on.
func (x heads) from(t, h int) []float32 { return x.data[t*x.row+h*x.head:] }

// at returns row t of head h.
func (x heads) at(t, h int) []float32 { return x.from(t, h)[:x.d:x.d] }

// left returns n rows from row t of head h as left operand, and their stride: where they lie, or
// copied to scratch if their addresses would all fall on the same few sets of a cache.
func (x heads) left(scratch []float32, t, h, n int) (rows []float32, stride int) {
	const page = 1024 // floats
	if x.row%page != 0 {
		return x.from(t, h), x.row
	}
	for r := range n {
		copy(scratch[r*x.d:(r+1)*x.d], x.at(t+r, h))
	}
	return scratch, x.d
}

// shape is what all of a call's packed operands have in common.
type shape struct {
	tiles   *gemm.Kernels
	d       int // size of a head
	padded  int // the same, up to whole panels
	columns []panel
}

// panel is a range of a head's dimensions, [from, from+width).
type panel struct{ from, width int }

func newShape(tiles *gemm.Kernels, d int) shape {
	s := shape{tiles: tiles, d: d, padded: tiles.Padded(d)}
	for j := 0; j < d; j += tiles.Wide {
		s.columns = append(s.columns, panel{j, tiles.Width(d - j)})
	}
	return s
}

// byRow is a head's rows as right operand of a product along rows: a panel for each range of
// dimensions, over all rows.
type byRow struct {
	data []float32
	rows int
}

// panel returns the part of panel p that begins at a row.
func (b byRow) panel(p panel, row int) []float32 { return b.data[p.from*b.rows+row*p.width:] }

// packRows packs rows [from, to) of head h, the first as row 0.
func (s shape) packRows(dst []float32, x heads, h, from, to int) byRow {
	b := byRow{dst, to - from}
	if from == to {
		return b
	}
	for _, p := range s.columns {
		src := gemm.B{F32: x.from(from, h)[p.from:], Row: x.row, Col: 1}
		s.tiles.Pack(b.panel(p, 0), src, b.rows, min(p.width, s.d-p.from), p.width)
	}
	return b
}

// packTransposed packs rows [from, to) of head h as right operand of a product along dimensions:
// panels of Wide rows each, the last one padded with zeros.
func (s shape) packTransposed(dst []float32, x heads, h, from, to int) {
	wide := s.tiles.Wide
	for i := from; i < to; i += wide {
		src := gemm.B{F32: x.from(i, h), Row: 1, Col: x.row}
		s.tiles.Pack(dst[(i-from)*s.d:], src, s.d, min(wide, to-i), wide)
	}
}

// span is a half-open range of positions.
type span struct{ from, to int }

// segment is the queries of a head group that share a segment: positions [queries.from, queries.to),
// which see keys from start on.
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
		panic(fmt.Sprintf("Attention: %d queries at offset %d over %d keys", queries, s.Offset, keys))
	}
	next := 0
	for _, g := range s.Groups {
		last := len(g.Bounds) - 1
		if g.From != next || g.To < g.From || last < 0 || g.Bounds[0] != 0 ||
			int(g.Bounds[last]) != keys {
			panic(fmt.Sprintf("Attention: head group [%d, %d) after head %d, bounds to %d keys of %d",
				g.From, g.To, next, g.Bounds[max(last, 0)], keys))
		}
		next = g.To
	}
	if next != heads {
		panic(fmt.Sprintf("Attention: head groups end at %d of %d heads", next, heads))
	}
}
