package gemm

import "longlora/kernels/simd"

// tile computes C (+)= A·B for up to so many rows and columns. Element (r, k) of A is at
// a[r*rowStride+k*kStride], row k of B at b[k*ldb], row r of C at c[r*ldc]. A tile without masks
// writes whole vectors whatever cols says.
type tile func(k int64, a *float32, rowStride, kStride int64, b *float32, ldb int64, c *float32,
	ldc, accumulate, rows, cols int64)

// widths are the tiles of two widths.
type widths struct{ wide, narrow tile }

// Kernels are the tiles of one SIMD tier.
type Kernels struct {
	// Rows is the height of a tile, Wide and Narrow are the widths of panels of B: Wide is twice
	// Narrow.
	Rows, Wide, Narrow int

	floats widths
	brain  widths // the same over words of two brain floats; nil if there are none
	masks  bool   // tiles write no more columns than they should
	pack   packers
	thin   thin
}

// packers move blocks of B, Narrow columns wide, to a panel: n rows that lie one after the other,
// or n square blocks whose columns do. They are nil without assembly.
type packers struct {
	rows, blocks         func(dst *float32, dstStride int64, src *float32, srcStride, n int64)
	rowsBF16, blocksBF16 func(dst *float32, dstStride int64, src *uint16, srcStride, n int64)

	// Those of words of two brain floats.
	shrinkRows func(dst *uint32, dstStride int64, src *float32, srcStride, rows, n int64,
		scale float32)
	shrinkPairs func(dst *uint32, dstStride int64, src *float32, srcStride, n, mask int64,
		scale float32)
	joinPairs func(dst *uint32, dstStride int64, src *uint16, srcStride, n, mask int64)
}

// For returns the tiles of a tier, which the machine must have.
func For(t simd.Tier) *Kernels {
	k := assembly(t)
	if k == nil {
		k = &Kernels{Rows: 4, Wide: 8, Narrow: 4, floats: widths{portable, portable}, masks: true,
			thin: thin{rows: 4, cols: 4, step: 4, floats: portableThin}}
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

// Panel is a right operand of Wide or Narrow columns as the tiles read it: row k at Data[k*Row].
type Panel struct {
	Data []float32
	Row  int
}

// Tile computes C[rows, width] (+)= A[rows, k]·B[k, width]. rows is at most Rows, width is Wide or
// Narrow, and k is positive.
func (g *Kernels) Tile(rows, width, k int, a A, b Panel, c C, accumulate bool) {
	g.tile(g.floats, rows, width, width, k, a, b, c, accumulate)
}

// tile is Tile for tiles of some elements, of which only the first cols columns are written if the
// tier masks.
func (g *Kernels) tile(w widths, rows, width, cols, k int, a A, b Panel, c C, accumulate bool) {
	_, _ = a.Data[(rows-1)*a.Row+(k-1)*a.Col], b.Data[(k-1)*b.Row+width-1]
	_ = c.Data[(rows-1)*c.Row+cols-1]
	add := int64(0)
	if accumulate {
		add = 1
	}
	run := w.wide
	if width == g.Narrow {
		run = w.narrow
	}
	run(int64(k), &a.Data[0], int64(a.Row), int64(a.Col), &b.Data[0], int64(b.Row), &c.Data[0],
		int64(c.Row), add, int64(rows), int64(cols))
}
