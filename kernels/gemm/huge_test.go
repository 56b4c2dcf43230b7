//go:build linux

package gemm

import (
	"syscall"
	"testing"
	"unsafe"

	"longlora/kernels/parallel"
	"longlora/kernels/simd"
)

// TestHugeStrides has operands and a result whose elements are more than 2^31 apart, in memory of
// which only the touched pages exist.
func TestHugeStrides(t *testing.T) {
	const row, rows, k = 1<<30 + 16, 3, 3
	each(t, func(t *testing.T, tier simd.Tier, precision Precision) {
		pool := parallel.New(2)
		defer pool.Close()
		d := NewDriver(pool, tier, precision)
		a, b, c := sparse(t, (rows-1)*row+k), sparse(t, (k-1)*row+2), sparse(t, (rows-1)*row+2)
		for i := range rows {
			for x := range k {
				a[i*row+x] = float32(1 + i + x)
				b[x*row], b[x*row+1] = float32(x), float32(2*x)
			}
		}
		d.Multiply(C{c, row}, A{Data: a, Row: row, Col: 1}, B{F32: b, Row: row, Col: 1}, rows, 2, k, false)
		for i := range rows {
			want := float32(2+i) + 2*float32(3+i)
			if c[i*row] != want || c[i*row+1] != 2*want {
				t.Errorf("row %d is %g %g, want %g %g", i, c[i*row], c[i*row+1], want, 2*want)
			}
		}
	})
}

// sparse returns n zeros whose pages are made when they are touched.
func sparse(t *testing.T, n int) []float32 {
	t.Helper()
	all, err := syscall.Mmap(-1, 0, 4*n, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(all); err != nil {
			t.Error(err)
		}
	})
	return unsafe.Slice((*float32)(unsafe.Pointer(&all[0])), n)
}
