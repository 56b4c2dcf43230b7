package gemm

import (
	"math"
	"unsafe"

	"longlora/kernels/bf16"
	"longlora/kernels/buffer"
)

// Words of two brain floats: neighbours along k, the earlier one in the lower half, zero above a
// last odd one. They are kept in slices of float32 for the sake of the buffers, and never computed
// with as such.

// lanes is the width of the packers of words.
const lanes = 16

// pairs returns rows of A as words: where they lie, if they are.
func (p *product) pairs(w *workspace, a A, rows, k int) A {
	words := p.words(k)
	switch {
	case a.BF16 != nil && a.Col == 1 && a.Row%2 == 0 && k%2 == 0:
		return A{Data: floats(a.BF16), Row: a.Row / 2, Col: 1}
	case a.Row == 1 && a.Col != 1 && rows <= lanes:
		w.rows = buffer.Grow(w.rows, words*lanes)
		p.packColumns(w.rows, a.transposed(), k, rows, lanes)
		return A{Data: w.rows, Row: 1, Col: lanes}
	}
	stride := words + lineFloats
	w.rows = buffer.Grow(w.rows, p.tiles.Rows*stride)
	p.packRows(w.rows, stride, a.transposed(), k, rows)
	return A{Data: w.rows, Row: stride, Col: 1}
}

// rounded returns rows of A as floats with the precision of brain floats.
func (p *product) rounded(w *workspace, a A, rows, k int) A {
	stride := k + lineFloats
	w.rows = buffer.Grow(w.rows, p.tiles.Rows*stride)
	for r := range rows {
		row, from := w.rows[r*stride:][:k], a.From(r, 0)
		switch {
		case a.Data == nil && a.Col == 1:
			p.ops.Expand(row, from.BF16[:k])
		case a.Data == nil:
			for x := range row {
				row[x] = bf16.Float(from.BF16[x*a.Col])
			}
		case a.Col == 1:
			p.ops.RoundBrain(row, from.Data[:k])
		default:
			for x := range row {
				row[x] = from.Data[x*a.Col]
			}
			p.ops.RoundBrain(row, row)
		}
	}
	return A{Data: w.rows, Row: stride, Col: 1}
}

// packPairs is Pack to words.
func (d *Driver) packPairs(w *workspace, dst []float32, b B, k, cols, width int) {
	_ = dst[d.words(k)*width-1]
	for j := 0; j < width; j += lanes {
		switch left := min(cols-j, lanes); {
		case left <= 0:
			for i := range d.words(k) {
				clear(dst[i*width+j:][:lanes])
			}
		case b.Row == 1 && b.Col != 1:
			d.packTransposed(w, dst[j:], b.From(0, j), k, left, width)
		default:
			d.packColumns(dst[j:], b.From(0, j), k, left, width)
		}
	}
}

// packColumns writes up to lanes columns, neighbours in memory, as words; the other lanes are zero.
func (d *Driver) packColumns(dst []float32, b B, k, cols, width int) {
	whole := k / 2
	to, stride, mask := word(&dst[0]), int64(width), int64(1)<<cols-1
	switch {
	case whole == 0 || b.Col != 1:
		whole = 0
	case b.F32 != nil:
		_ = b.F32[(2*whole-1)*b.Row+cols-1]
		d.tiles.pack.shrinkPairs(to, stride, &b.F32[0], int64(b.Row), int64(whole), mask, b.scale())
	case b.scale() == 1:
		_ = b.BF16[(2*whole-1)*b.Row+cols-1]
		d.tiles.pack.joinPairs(to, stride, &b.BF16[0], int64(b.Row), int64(whole), mask)
	default:
		whole = 0
	}
	for i := whole; i < d.words(k); i++ {
		row := dst[i*width:][:lanes]
		clear(row)
		for j := range cols {
			row[j] = b.word(2*i, j, k)
		}
	}
}

// packTransposed writes up to lanes columns, whose elements are neighbours in memory.
func (d *Driver) packTransposed(w *workspace, dst []float32, b B, k, cols, width int) {
	words := d.words(k)
	src, stride := []float32(nil), words+lineFloats
	if b.BF16 != nil && b.F32 == nil && b.scale() == 1 && cols == lanes && k%2 == 0 && b.Col%2 == 0 {
		src, stride = floats(b.BF16), b.Col/2
	} else {
		w.columns = buffer.Grow(w.columns, lanes*stride)
		src = w.columns
		d.packRows(src, stride, b, k, cols)
		for j := cols; j < lanes; j++ {
			clear(src[j*stride:][:words])
		}
	}
	if blocks := words / lanes; blocks > 0 {
		d.tiles.pack.blocks(&dst[0], int64(width), &src[0], int64(stride), int64(blocks))
	}
	for i := words / lanes * lanes; i < words; i++ {
		for j := range lanes {
			dst[i*width+j] = src[j*stride+i]
		}
	}
}

// packRows writes the first k elements of b's first columns as rows of neighbouring words, stride
// words apart.
func (d *Driver) packRows(dst []float32, stride int, b B, k, cols int) {
	words := d.words(k)
	_ = dst[(cols-1)*stride+words-1]
	if b.Row == 1 && b.F32 != nil {
		_ = b.F32[(cols-1)*b.Col+k-1]
		d.tiles.pack.shrinkRows(word(&dst[0]), int64(stride), &b.F32[0], int64(b.Col), int64(cols),
			int64(k), b.scale())
		return
	}
	for j := range cols {
		for i := range words {
			dst[j*stride+i] = b.word(2*i, j, k)
		}
	}
}

// word returns elements (i, j) and (i+1, j), the second zero if it is not below k.
func (b B) word(i, j, k int) float32 {
	word := uint32(b.bits(i, j))
	if i+1 < k {
		word |= uint32(b.bits(i+1, j)) << 16
	}
	return math.Float32frombits(word)
}

// bits returns an element times Scale as a brain float.
func (b B) bits(i, j int) uint16 {
	at := i*b.Row + j*b.Col
	if b.F32 != nil {
		return bf16.Round(b.F32[at] * b.scale())
	}
	return bf16.Round(bf16.Float(b.BF16[at]) * b.scale())
}

func (b B) scale() float32 {
	if b.Scale == 0 {
		return 1
	}
	return b.Scale
}

func word(p *float32) *uint32 { return (*uint32)(unsafe.Pointer(p)) }

// floats returns brain floats as the words that they are two by two.
func floats(x []uint16) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(&x[0])), len(x)/2)
}
