package gemm

import "unsafe"

// portable keeps its sums in registers as far as the compiler can: columns in groups of four, one
// row at a time.
func portable(k int64, a *float32, rowStride, kStride int64, b *float32, ldb int64, c *float32,
	ldc, add, rows, cols int64) {
	n, width := int(k), int(cols)
	bs := unsafe.Slice(b, (n-1)*int(ldb)+(width+3)/4*4)
	for r := range int(rows) {
		as := unsafe.Slice(offset(a, r*int(rowStride)), (n-1)*int(kStride)+1)
		cs := unsafe.Slice(offset(c, r*int(ldc)), width)
		for j := 0; j < width; j += 4 {
			portableRow(as, int(kStride), bs[j:], int(ldb), cs[j:min(j+4, width)], add != 0)
		}
	}
}

// portableRow computes up to four neighbouring elements of a row of C.
func portableRow(a []float32, kStride int, b []float32, ldb int, c []float32, add bool) {
	var s0, s1, s2, s3 float32
	for i, j := 0, 0; i < len(a); i, j = i+kStride, j+ldb {
		x, row := a[i], b[j:j+4:j+4]
		s0 += x * row[0]
		s1 += x * row[1]
		s2 += x * row[2]
		s3 += x * row[3]
	}
	sums := [...]float32{s0, s1, s2, s3}
	for j, s := range sums[:len(c)] {
		if add {
			s += c[j]
		}
		c[j] = s
	}
}

func offset(p *float32, n int) *float32 {
	return (*float32)(unsafe.Add(unsafe.Pointer(p), 4*n))
}
