package simd

import (
	"math"
	"math/rand"
	"testing"

	"longlora/kernels/bf16"
	"longlora/kernels/guard"
)

func eachTier(t *testing.T, f func(*testing.T, *Ops)) {
	for _, tier := range Tiers() {
		t.Run(tier.String(), func(t *testing.T) { f(t, For(tier)) })
	}
}

// fenced returns a row of n values between pages that fault.
func fenced(t *testing.T, rng *rand.Rand, n int) []float32 {
	row := guard.Floats(t, n, guard.Place(rng.Intn(2)))
	for i := range row {
		row[i] = float32(rng.NormFloat64())
	}
	return row
}

// TestExpand: every brain float of every length of row is the float whose upper half it is.
func TestExpand(t *testing.T) {
	eachTier(t, func(t *testing.T, o *Ops) {
		next := uint16(0)
		for n := range 600 {
			src, dst := make([]uint16, n), fenced(t, rand.New(rand.NewSource(1)), n)
			for i := range src {
				src[i] = next
				next++
			}
			o.Expand(dst, src)
			for i, x := range dst {
				if got, want := math.Float32bits(x), uint32(src[i])<<16; got != want {
					t.Fatalf("n=%d: element %d is %08x, want %08x", n, i, got, want)
				}
			}
		}
	})
}

func TestRowsOfEveryLength(t *testing.T) {
	eachTier(t, func(t *testing.T, o *Ops) {
		rng := rand.New(rand.NewSource(1))
		for n := range 100 {
			x := fenced(t, rng, n)
			y := fenced(t, rng, n)
			var dot, mass float64
			largest := math.Inf(-1)
			for i := range x {
				dot += float64(x[i]) * float64(y[i])
				mass += math.Abs(float64(x[i]) * float64(y[i]))
				largest = max(largest, float64(x[i]))
			}
			// A sum of n products errs by at most n rounding errors of 2^-24 on its mass.
			if got := float64(o.Dot(x, y)); math.Abs(got-dot) > float64(n+1)*0x1p-24*mass {
				t.Errorf("n=%d: dot %g, want %g", n, got, dot)
			}
			if got := o.Max(x); float64(got) != largest {
				t.Errorf("n=%d: max %g, want %g", n, got, largest)
			}
			before := append([]float32(nil), y...)
			o.Axpy(y, 0.5, x)
			for i := range y {
				want := float64(before[i]) + 0.5*float64(x[i])
				if math.Abs(float64(y[i])-want) > 0x1p-22*(math.Abs(want)+1) {
					t.Errorf("n=%d: axpy[%d] %g, want %g", n, i, y[i], want)
				}
			}
			sum := float64(o.ExpSum(y, x, 2, 0.25))
			var want float64
			for i := range y {
				e := math.Exp(2*float64(x[i]) - 0.25)
				want += e
				// The argument itself is rounded: 2^-24 of up to 8 besides the 2^-22 of exp.
				if math.Abs(float64(y[i])-e) > (0x1p-22+0x1p-20)*e {
					t.Errorf("n=%d: exp[%d] %g, want %g", n, i, y[i], e)
				}
			}
			if math.Abs(sum-want) > 0x1p-19*want {
				t.Errorf("n=%d: sum %g, want %g", n, sum, want)
			}
		}
	})
}

func TestExpOverItsRange(t *testing.T) {
	eachTier(t, func(t *testing.T, o *Ops) {
		x, y := make([]float32, 16), make([]float32, 16)
		worst := 0.0
		for v := float32(-87.3); v < 88.3; v += 0.00317 {
			for i := range x {
				x[i] = v + float32(i)*1e-4
			}
			o.ExpSum(y, x, 1, 0)
			for i := range x {
				want := math.Exp(float64(x[i]))
				worst = max(worst, math.Abs(float64(y[i])-want)/want)
			}
		}
		if worst > 0x1p-22 {
			t.Errorf("worst relative error %g, want at most %g", worst, 0x1p-22)
		}
		inf := float32(math.Inf(1))
		copy(x, []float32{-inf, -1000, -87.5, 0, float32(math.NaN()), 1})
		o.ExpSum(y, x, 1, 0)
		if y[0] != 0 || y[1] != 0 || y[2] != 0 || y[3] != 1 || y[4] == y[4] {
			t.Errorf("exp of -Inf, -1000, -87.5, 0, NaN = %v", y[:5])
		}
	})
}

// TestRoundBrain holds every length to the rounding of package bf16, with all kinds of values.
func TestRoundBrain(t *testing.T) {
	eachTier(t, func(t *testing.T, o *Ops) {
		rng := rand.New(rand.NewSource(1))
		for n := range 70 {
			x, y := fenced(t, rng, n), fenced(t, rng, n)
			for i := range x {
				if i%3 > 0 {
					x[i] = math.Float32frombits(rng.Uint32()) // NaN, infinite and denormal ones too
				}
			}
			o.RoundBrain(y, x)
			for i := range x {
				want := uint32(bf16.Round(x[i])) << 16
				if got := math.Float32bits(y[i]); got != want {
					t.Fatalf("n=%d: %#x rounds to %#x, want %#x", n, math.Float32bits(x[i]), got, want)
				}
			}
		}
	})
}

func TestParse(t *testing.T) {
	if got, err := Parse("portable"); err != nil || got != Portable {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := Parse(""); err != nil || got != Best() {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := Parse("mmx"); err == nil {
		t.Error("an unknown tier is taken")
	}
}
