package simd

import (
	"math"
	"testing"
)

// TestNormal holds the normal distribution, its tail in particular, against the error function: the fit
// errs by 2^-24, what computes it by seven roundings of as much at most.
func TestNormal(t *testing.T) {
	for x := float32(-13); x < 13; x += 1.0 / 512 {
		got := float64(normal(x, float32(math.Exp(-float64(x)*float64(x)/2))))
		want := math.Erfc(-float64(x)/math.Sqrt2) / 2
		if err := math.Abs(got-want) / want; !(err <= 8*0x1p-24) {
			t.Fatalf("%g: %g, want %g: off by %.3g of it", x, got, want, err)
		}
	}
}
