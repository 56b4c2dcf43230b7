package simd

import (
	"math"
	"math/rand"
	"testing"
	"unsafe"

	"longlora/kernels/bf16"
	"longlora/kernels/guard"
)

// brains returns n brain floats that end at a page that faults, or begin behind one.
func brains(t *testing.T, rng *rand.Rand, n int) []uint16 {
	place := guard.Place(rng.Intn(2))
	words := guard.Floats(t, (n+1)/2, place)
	if n == 0 {
		return nil
	}
	all := unsafe.Slice((*uint16)(unsafe.Pointer(&words[0])), 2*len(words))
	if place == guard.Start {
		return all[:n:n]
	}
	return all[len(all)-n:]
}

// TestShrink holds every length to the rounding of package bf16; denormal numbers may become 0.
func TestShrink(t *testing.T) {
	eachTier(t, func(t *testing.T, o *Ops) {
		rng := rand.New(rand.NewSource(1))
		for n := range 150 {
			x, y := fenced(t, rng, n), brains(t, rng, n)
			for i := range x {
				if i%3 > 0 {
					x[i] = math.Float32frombits(rng.Uint32()) // NaN and infinite ones too
				}
			}
			o.Shrink(y, x)
			for i, v := range x {
				if denormal := math.Float32bits(v)&0x7f800000 == 0; denormal && y[i]&0x7fff == 0 {
					continue
				}
				if want := bf16.Round(v); y[i] != want {
					t.Fatalf("n=%d: %g rounds to %#x, want %#x", n, v, y[i], want)
				}
			}
		}
	})
}

// TestExpSumBrain holds every length to ExpSum: its results rounded, and the same sum but for the
// order of its terms.
func TestExpSumBrain(t *testing.T) {
	eachTier(t, func(t *testing.T, o *Ops) {
		rng := rand.New(rand.NewSource(1))
		for n := range 150 {
			x, y := fenced(t, rng, n), brains(t, rng, n)
			for i := range x {
				if i%17 == 3 {
					x[i] = float32(math.Inf(-1))
				}
			}
			want := make([]float32, n)
			wantSum := o.ExpSum(want, x, 2, 0.25)
			sum := o.ExpSumBrain(y, x, 2, 0.25)
			// n terms, each rounded into either sum.
			if diff := math.Abs(float64(sum - wantSum)); diff > float64(n+1)*0x1p-23*float64(wantSum) {
				t.Errorf("n=%d: sum is %g, want %g", n, sum, wantSum)
			}
			for i, w := range want {
				// Elements outside whole vectors are computed otherwise, by up to 2^-21.
				got := float64(bf16.Float(y[i]))
				if math.Abs(got-float64(w)) > (0x1p-8+0x1p-21)*float64(w) {
					t.Errorf("n=%d: element %d is %g, want %g", n, i, got, w)
				}
			}
		}
	})
}

func TestScaleBrain(t *testing.T) {
	eachTier(t, func(t *testing.T, o *Ops) {
		rng := rand.New(rand.NewSource(1))
		for n := range 70 {
			x := brains(t, rng, n)
			for i := range x {
				x[i] = bf16.Round(float32(rng.NormFloat64()))
			}
			before := append([]uint16(nil), x...)
			o.ScaleBrain(x, 0.3)
			for i, b := range before {
				if want := bf16.Round(0.3 * bf16.Float(b)); x[i] != want {
					t.Fatalf("n=%d: element %d is %#x, want %#x", n, i, x[i], want)
				}
			}
		}
	})
}
