package llmint8

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
	Shape                              [2]int
	Values, Codes, Scales, Dequantised string
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

// TestBitsandbytes: codes, scales and the values that they stand for are bitsandbytes' to the bit.
func TestBitsandbytes(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "bitsandbytes.json"))
	if err != nil {
		t.Fatal(err)
	}
	g := &golden{}
	if err := json.Unmarshal(text, g); err != nil {
		t.Fatal(err)
	}
	p := Pack(floats(t, g.Values), g.Shape[0], g.Shape[1])
	for i, want := range raw(t, g.Codes) {
		if p.Codes[i] != int8(want) {
			t.Fatalf("code %d is %d, want %d", i, p.Codes[i], int8(want))
		}
	}
	if !slices.Equal(p.Scales, floats(t, g.Scales)) {
		t.Error("scales differ")
	}
	values := p.Values()
	for i, want := range floats(t, g.Dequantised) {
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
