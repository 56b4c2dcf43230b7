package nf4

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// golden is a matrix that bitsandbytes quantised (scripts/oracle/quantised.py).
type golden struct {
	Shape                                                                  [2]int
	Values, Codes, Map, Table, AbsMax, Scales, Second, Dequantised, Single string
	Mean                                                                   float64
}

func readGolden(t *testing.T) *golden {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "bitsandbytes.json"))
	if err != nil {
		t.Fatal(err)
	}
	g := &golden{}
	if err := json.Unmarshal(text, g); err != nil {
		t.Fatal(err)
	}
	return g
}

func raw(t *testing.T, text string) []byte {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func floats(t *testing.T, text string) []float32 {
	t.Helper()
	data := raw(t, text)
	out := make([]float32, len(data)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return out
}

// TestBitsandbytes: the table, codes and scales are bitsandbytes' to the bit, but for what follows from the
// map of the scales' codes and from the mean of the scales, both of which it computes in float32: n scales,
// each at most the greatest, err by at most n roundings of that, and one whose place between two codes is
// as near as that may have the other.
func TestBitsandbytes(t *testing.T) {
	g := readGolden(t)
	table, scales := Table(), Scales()
	if !slices.Equal(table[:], floats(t, g.Table)) {
		t.Error("the table differs")
	}
	for i, want := range floats(t, g.Map) { // which it computed in float32
		if d := math.Abs(float64(scales[i] - want)); d > 0x1p-23*math.Abs(float64(want)) {
			t.Errorf("scale %d is %g, want %g", i, scales[i], want)
		}
	}
	p := Pack(floats(t, g.Values), g.Shape[0], g.Shape[1])
	if !slices.Equal(p.Codes, raw(t, g.Codes)) {
		t.Error("codes differ")
	}
	single := PackSingle(floats(t, g.Values), g.Shape[0], g.Shape[1])
	if !slices.Equal(single.Second, floats(t, g.AbsMax)) || !slices.Equal(single.Codes, p.Codes) {
		t.Error("scales of a single quantisation differ")
	}
	if !slices.Equal(single.Values(), floats(t, g.Single)) {
		t.Error("values of a single quantisation differ")
	}
	greatest := float64(slices.Max(single.Second))
	tolerance := float64(len(single.Second)) * 0x1p-24 * greatest
	if d := math.Abs(float64(p.Mean) - g.Mean); d > tolerance {
		t.Errorf("mean %g, want %g", p.Mean, g.Mean)
	}
	differ := 0
	for i, want := range raw(t, g.Scales) {
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
	p := &Packed{Out: g.Shape[0], In: g.Shape[1], Codes: raw(t, g.Codes), Scales: raw(t, g.Scales),
		Second: floats(t, g.Second), Mean: float32(g.Mean), Map: (*[256]float32)(floats(t, g.Map))}
	if got, want := p.Values(), floats(t, g.Dequantised); !slices.Equal(got, want) {
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("element %d is %g, want %g", i, got[i], want[i])
			}
		}
	}
}
