package gemm

import "unsafe"

// The portable tiles keep their sums in registers as far as the compiler can: columns in groups of
// four, one row at a time.

func portable4x8(k int64, a *float32, rowStride, kStride int64, b *float32, ldb int64, c *float32,
	ldc, add int64) {
	portable(4, 8, k, a, rowStride, kStride, b, ldb, c, ldc, add)
}

func portable4x4(k int64, a *float32, rowStride, kStride int64, b *float32, ldb int64, c *float32,
	ldc, add int64) {
	portable(4, 4, k, a, rowStride, kStride, b, ldb, c, ldc, add)
}

func portable1x8(k int64, a *float32, rowStride, kStride int64, b *float32, ldb int64, c *float32,
	ldc, add int64) {
	portable(1, 8, k, a, rowStride, kStride, b, ldb, c, ldc, add)
}

func portable1x4(k int64, a *float32, rowStride, kStride int64, b *float32, ldb int64, c *float32,
	ldc, add int64) {
	portable(1, 4, k, a, rowStride, kStride, b, ldb, c, ldc, add)
}

func portable(rows, width int, k int64, a *float32, rowStride, kStride int64, b *float32, ldb int64,
	c *float32, ldc, add int64) {
	n := int(k)
	bs := unsafe.Slice(b, (n-1)*int(ldb)+width)
	for r := range rows {
		as := unsafe.Slice(offset(a, r*int(rowStride)), (n-1)*int(kStride)+1)
		cs := unsafe.Slice(offset(c, r*int(ldc)), width)
		for j := 0; j < width; j += 4 {
			portableRow(as, int(kStride), bs[j:], int(ldb), cs[j:j+4], add != 0)
		}
	}
}

// portableRow computes four neighbouring elements of a row of C.
func portableRow(a []float32, kStride int, b []float32, ldb int, c []float32, add bool) {
	var s0, s1, s2, s3 float32
	for i, j := 0, 0; i < len(a); i, j = i+kStride, j+ldb {
		x, row := a[i], b[j:j+4:j+4]
		s0 += x * row[0]
		s1 += x * row[1]
		s2 += x * row[2]
		s3 += x * row[3]
	}
	if add {
		s0, s1, s2, s3 = s0+c[0], s1+c[1], s2+c[2], s3+c[3]
	}
	c[0], c[1], c[2], c[3] = s0, s1, s2, s3
}

func offset(p *float32, n int) *float32 {
	return (*float32)(unsafe.Add(unsafe.Pointer(p), 4*n))
}
