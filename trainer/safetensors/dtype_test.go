package safetensors

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestHalfIsExact(t *testing.T) {
	for i := range 1 << 16 {
		h := uint16(i)
		got := float64(FromHalf(h))
		want := halfByFormula(h)
		if got != want && !(math.IsNaN(got) && math.IsNaN(want)) ||
			math.Signbit(got) != math.Signbit(want) {
			t.Fatalf("FromHalf(%#04x) = %v, want %v", h, got, want)
		}
	}
}

// halfByFormula follows IEEE 754-2008, 3.4, in float64.
func halfByFormula(h uint16) float64 {
	exponent, fraction := int(h>>10&31), float64(h&1023)
	v := math.Ldexp(fraction, -24)
	switch {
	case exponent == 31 && fraction != 0:
		v = math.NaN()
	case exponent == 31:
		v = math.Inf(1)
	case exponent > 0:
		v = math.Ldexp(1024+fraction, exponent-25)
	}
	if h>>15 == 1 {
		return math.Copysign(v, -1)
	}
	return v
}

func TestBF16RoundsToNearestEven(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		v := math.Float32frombits(rng.Uint32())
		if v-v != 0 {
			continue
		}
		low := math.Float32frombits(math.Float32bits(v) &^ 0xffff)
		high := math.Float32frombits(math.Float32bits(low) + 0x10000)
		down := math.Abs(float64(v) - float64(low))
		up := math.Abs(float64(high) - float64(v))
		want := low
		if up < down || up == down && math.Float32bits(low)>>16&1 == 1 {
			want = high
		}
		if math.IsInf(float64(high), 0) {
			continue // the halfway rule to infinity is checked below
		}
		if got := Round(v, BF16); got != want {
			t.Fatalf("BF16 of (%v) = %v, want %v", v, got, want)
		}
	}
	if got := Round(math.MaxFloat32, BF16); !math.IsInf(float64(got), 1) {
		t.Errorf("BF16 of (max) = %v, want +Inf", got)
	}
	if got := Round(math.Float32frombits(0x7f800001), BF16); got == got {
		t.Errorf("BF16 of (NaN) = %v, want NaN", got)
	}
}

// TestHalfRoundsToNearestEven tries every half, and the points between it and the next: a quarter
// of the way, halfway, and three quarters.
func TestHalfRoundsToNearestEven(t *testing.T) {
	for h := range uint16(0x7c00) {
		low, high := halfByFormula(h), halfByFormula(h+1)
		if h == 0x7bff {
			high = 65536
		}
		middle := h + h&1
		for _, c := range []struct {
			at   float64
			want uint16
		}{{0, h}, {0.25, h}, {0.5, middle}, {0.75, h + 1}} {
			v := float32(low + c.at*(high-low)) // exact: two bits more than a half has
			if got := toHalf(v); got != c.want {
				t.Fatalf("toHalf(%v) = %#04x, want %#04x", v, got, c.want)
			}
			if got := toHalf(-v); got != c.want|0x8000 {
				t.Fatalf("toHalf(%v) = %#04x, want %#04x", -v, got, c.want|0x8000)
			}
		}
	}
	if got := Round(float32(math.NaN()), F16); got == got {
		t.Errorf("Round(NaN, F16) = %v, want NaN", got)
	}
	if got := Round(1e30, F16); !math.IsInf(float64(got), 1) {
		t.Errorf("Round(1e30, F16) = %v, want +Inf", got)
	}
}
