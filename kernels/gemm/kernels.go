package gemm

import "longlora/kernels/simd"

// tile computes C (+)= A·B for a fixed number of rows and columns. Element (r, k) of A is at
// a[r*rowStride+k*kStride], row k of B at b[k*columns], row r of C at c[r*ldc].
type tile func(k int64, a *float32, rowStride, kStride int64, b, c *float32, ldc, accumulate int64)

// height is the pair of tiles that compute a number of rows.
type height struct {
	rows         int
	wide, narrow tile
}

// Kernels are the tiles of one SIMD tier.
type Kernels struct {
	// Rows is the height of the tallest tile, Wide and Narrow are the widths of panels of B:
	// Wide is twice Narrow.
	Rows, Wide, Narrow int

	heights []height // descending, down to 1
	pack    packers
}

// packers move blocks of B, Narrow columns wide, to a panel: n rows that lie one after the other, or
// n square blocks whose columns do. They are nil without assembly.
type packers struct {
	rows, blocks         func(dst *float32, dstStride int64, src *float32, srcStride, n int64)
	rowsBF16, blocksBF16 func(dst *float32, dstStride int64, src *uint16, srcStride, n int64)
}

// For returns the tiles of a tier, which the machine must have.
func For(t simd.Tier) *Kernels {
	k := assembly(t)
	if k == nil {
		k = &Kernels{Rows: 4, Wide: 8, Narrow: 4, heights: []height{
			{4, portable4x8, portable4x4}, {1, portable1x8, portable1x4}}}
	}
	return k
}

// Width returns the width of the panel that begins where n columns are left.
func (g *Kernels) Width(n int) int {
	if n <= g.Narrow {
		return g.Narrow
	}
	return g.Wide
}

// Padded returns the columns, padding included, that the panels of n columns have.
func (g *Kernels) Padded(n int) int {
	whole := n / g.Wide * g.Wide
	if whole == n {
		return n
	}
	return whole + g.Width(n-whole)
}

// Tile computes C[rows, width] (+)= A[rows, k]·B[k, width]. Element (r, k) of A is at
// a[r*rowStride+k*kStride]; b is a packed panel, row k at b[k*width]; row r of C is at c[r*ldc]. rows is at
// most Rows and width is Wide or Narrow. k is positive.
func (g *Kernels) Tile(rows, width, k int, a []float32, rowStride, kStride int, b, c []float32,
	ldc int, accumulate bool) {
	_, _ = a[(rows-1)*rowStride+(k-1)*kStride], b[k*width-1]
	_ = c[(rows-1)*ldc+width-1]
	add := int64(0)
	if accumulate {
		add = 1
	}
	for _, h := range g.heights {
		for rows >= h.rows {
			run := h.wide
			if width == g.Narrow {
				run = h.narrow
			}
			run(int64(k), &a[0], int64(rowStride), int64(kStride), &b[0], &c[0], int64(ldc), add)
			if rows -= h.rows; rows == 0 {
				return
			}
			a, c = a[h.rows*rowStride:], c[h.rows*ldc:]
		}
	}
}
