package nf4

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"longlora/kernels/kerneltest"
)

// golden is a matrix that bitsandbytes quantised (scripts/oracle/quantised.py).
type golden struct {
	Shape                                                                  [2]int
	Values, Codes, Map, Table, AbsMax, Scales, Second, Dequantised, Single string
	Mean                                                                   float64
}

func readGolden(t *testing.T) *golden {
	t.Helper()
	g := &golden{}
	kerneltest.ReadGolden(t, filepath.Join("testdata", "bitsandbytes.json"), g)
	return g
}

// TestBitsandbytes: the table, codes and scales are bitsandbytes' to the bit, but for what follows from the
// map of the scales' codes and from the mean of the scales, both of which it computes in float32: n scales,
// each at most the greatest, err by at most n roundings of that, and one whose place between two codes is
// as near as that may have the other.
func TestBitsandbytes(t *testing.T) {
	g := readGolden(t)
	table, scales := Table(), Scales()
	if !slices.Equal(table[:], kerneltest.Floats(t, g.Table)) {
		t.Error("the table differs")
	}
	for i, want := range kerneltest.Floats(t, g.Map) { // which it computed in float32
		if d := math.Abs(float64(scales[i] - want)); d > 0x1p-23*math.Abs(float64(want)) {
			t.Errorf("scale %d is %g, want %g", i, scales[i], want)
		}
	}
	p := Pack(kerneltest.Floats(t, g.Values), g.Shape[0], g.Shape[1])
	if !slices.Equal(p.Codes, kerneltest.Bytes(t, g.Codes)) {
		t.Error("codes differ")
	}
	single := PackSingle(kerneltest.Floats(t, g.Values), g.Shape[0], g.Shape[1])
	if !slices.Equal(single.Second, kerneltest.Floats(t, g.AbsMax)) ||
		!slices.Equal(single.Codes, p.Codes) {
		t.Error("scales of a single quantisation differ")
	}
	if !slices.Equal(single.Values(), kerneltest.Floats(t, g.Single)) {
		t.Error("values of a single quantisation differ")
	}
	greatest := float64(slices.Max(single.Second))
	tolerance := float64(len(single.Second)) * 0x1p-24 * greatest
	if d := math.Abs(float64(p.Mean) - g.Mean); d > tolerance {
		t.Errorf("mean %g, want %g", p.Mean, g.Mean)
	}
	differ := 0
	for i, want := range kerneltest.Bytes(t, g.Scales) {
		if p.Scales[i] != want {
			differ++
		}
	}
	if differ > len(p.Scales)/100 {
		t.Errorf("%d of %d scales have another code", differ, len(p.Scales))
	}
}

// TestBitsandbytesValues: what bitsandbytes stores stands for what it says, to the bit.
func TestBitsandbytesValues(t *testing.T) {
	g := readGolden(t)
	p := &Packed{Out: g.Shape[0], In: g.Shape[1], Codes: kerneltest.Bytes(t, g.Codes),
		Scales: kerneltest.Bytes(t, g.Scales), Second: kerneltest.Floats(t, g.Second),
		Mean: float32(g.Mean), Map: (*[256]float32)(kerneltest.Floats(t, g.Map))}
	if got, want := p.Values(), kerneltest.Floats(t, g.Dequantised); !slices.Equal(got, want) {
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("element %d is %g, want %g", i, got[i], want[i])
			}
		}
	}
}
