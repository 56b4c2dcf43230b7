package gemm

import "math"

// Pack writes columns [0, cols) and rows [0, k) of b as a panel of a width, Wide or Narrow: row i
// at dst[i*width], columns from cols to width zero.
func (g *Kernels) Pack(dst []float32, b B, k, cols, width int) {
	_ = dst[k*width-1]
	j := 0
	for g.pack.rows != nil && j+g.Narrow <= cols {
		g.packBlock(dst[j:], b.From(0, j), k, width)
		j += g.Narrow
	}
	if j < cols {
		packElements(dst[j:], b.From(0, j), 0, k, cols-j, width)
	}
	if cols < width {
		for i := range k {
			clear(dst[i*width+cols : (i+1)*width])
		}
	}
	if b.Scale != 0 && b.Scale != 1 {
		for i := range dst[:k*width] {
			dst[i] *= b.Scale
		}
	}
}

// packBlock packs Narrow columns, by vectors as far as they go.
func (g *Kernels) packBlock(dst []float32, b B, k, width int) {
	p, d, w := &g.pack, &dst[0], int64(width)
	blocks := k / g.Narrow
	switch {
	case b.Col == 1 && b.F32 != nil:
		_ = b.F32[(k-1)*b.Row+g.Narrow-1]
		p.rows(d, w, &b.F32[0], int64(b.Row), int64(k))
	case b.Col == 1:
		_ = b.BF16[(k-1)*b.Row+g.Narrow-1]
		p.rowsBF16(d, w, &b.BF16[0], int64(b.Row), int64(k))
	case b.Row == 1 && b.F32 != nil && blocks > 0:
		_ = b.F32[(g.Narrow-1)*b.Col+k-1]
		p.blocks(d, w, &b.F32[0], int64(b.Col), int64(blocks))
		packElements(dst, b, blocks*g.Narrow, k, g.Narrow, width)
	case b.Row == 1 && b.F32 == nil && blocks > 0:
		_ = b.BF16[(g.Narrow-1)*b.Col+k-1]
		p.blocksBF16(d, w, &b.BF16[0], int64(b.Col), int64(blocks))
		packElements(dst, b, blocks*g.Narrow, k, g.Narrow, width)
	default:
		packElements(dst, b, 0, k, g.Narrow, width)
	}
}

// packElements packs rows [from, to) and columns [0, cols) one by one.
func packElements(dst []float32, b B, from, to, cols, width int) {
	for j := range cols {
		at := from*b.Row + j*b.Col
		for i := from*width + j; i < to*width; i += width {
			if b.F32 != nil {
				dst[i] = b.F32[at]
			} else {
				dst[i] = math.Float32frombits(uint32(b.BF16[at]) << 16)
			}
			at += b.Row
		}
	}
}
