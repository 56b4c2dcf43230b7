package llmint8

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"longlora/kernels/kerneltest"
)

// golden is a matrix that bitsandbytes quantised (scripts/oracle/quantised.py).
type golden struct {
	Shape                              [2]int
	Values, Codes, Scales, Dequantised string
}

// TestBitsandbytes: codes, scales and the values that they stand for are bitsandbytes' to the bit.
func TestBitsandbytes(t *testing.T) {
	g := &golden{}
	kerneltest.ReadGolden(t, filepath.Join("testdata", "bitsandbytes.json"), g)
	p := Pack(kerneltest.Floats(t, g.Values), g.Shape[0], g.Shape[1])
	for i, want := range kerneltest.Bytes(t, g.Codes) {
		if p.Codes[i] != int8(want) {
			t.Fatalf("code %d is %d, want %d", i, p.Codes[i], int8(want))
		}
	}
	if !slices.Equal(p.Scales, kerneltest.Floats(t, g.Scales)) {
		t.Error("scales differ")
	}
	values := p.Values()
	for i, want := range kerneltest.Floats(t, g.Dequantised) {
		if got := values[i]; got != want {
			t.Fatalf("element %d is %g, want %g", i, got, want)
		}
	}
}

// TestExtremes: rows of zeros, and of values far out, stay finite.
func TestExtremes(t *testing.T) {
	p := Pack([]float32{0, 0, 1e-44, -1e-45, 2e36, -1e36}, 3, 2)
	for i, v := range p.Values() {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			t.Errorf("element %d is %g", i, v)
		}
	}
}
