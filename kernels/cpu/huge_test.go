//go:build linux

package cpu_test

import (
	"math"
	"math/rand"
	"slices"
	"syscall"
	"testing"
	"unsafe"
)

// TestHugeStrides requires that operators on tensors of more than 2^31 elements, of which only the
// touched pages exist, give the bits that they give on small ones.
func TestHugeStrides(t *testing.T) {
	const rows, width = 3, 5
	for _, tiers := range backends(t) {
		b, some := tiers[len(tiers)-1], operators
		if testing.Short() {
			some = some[len(some)-2:]
		}
		for _, op := range some {
			t.Run(b.Name()+"/"+op.name, func(t *testing.T) {
				run := func(apart int) []outcome {
					x := &trial{t: t, b: b, rng: rand.New(rand.NewSource(1)), rows: rows, width: width,
						apart: apart, far: sparse}
					op.run(x)
					return x.results
				}
				small, huge := run(0), run(1<<30+48)
				for i, r := range huge {
					if !slices.EqualFunc(r.values, small[i].values, sameBits) {
						t.Errorf("%s is %v, want %v", r.name, r.values, small[i].values)
					}
				}
			})
		}
	}
}

func sameBits(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }

// sparse returns n zeros whose pages are made when they are touched.
func sparse(t testing.TB, n int) []float32 {
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
