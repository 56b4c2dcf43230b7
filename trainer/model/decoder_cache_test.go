package model

import (
	"math"
	"slices"
	"testing"

	"longlora/kernels"
)

// keys returns a layer's keys of the tokens that a decoder has.
func keys(d *Decoder, layer int) []float32 {
	t := d.k[layer].Slice(0, 0, d.n)
	out := make([]float32, t.Len())
	d.m.b.Read(out, t)
	return out
}

func someIDs(n int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32((i*7 + i*i) % small.Vocab)
	}
	return ids
}

func read(t *testing.T, d *Decoder, ids ...int32) []float32 {
	t.Helper()
	logits, err := d.Read(ids...)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(logits)
}

func decoder(t *testing.T, m *Model, capacity, chunk int) *Decoder {
	t.Helper()
	d, err := m.NewDecoder(capacity, chunk)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// TestAdopt: a decoder that took tokens over goes on with the bits of the one that read them.
func TestAdopt(t *testing.T) {
	eachBackend(t, func(t *testing.T, b kernels.Backend) {
		m := newModel(t, b, small, loraPlus(small))
		ids := someIDs(40)
		one := decoder(t, m, 60, 16)
		read(t, one, ids...)
		other := decoder(t, m, 64, 16)
		read(t, other, 1, 2, 3)
		if err := other.Adopt(one, 32); err != nil {
			t.Fatal(err)
		}
		one.Truncate(32)
		if got, want := read(t, other, 5), read(t, one, 5); !slices.Equal(got, want) {
			t.Error("logits differ from those of the decoder that was copied")
		}
		if err := other.Adopt(one, 60); err == nil {
			t.Error("more tokens than there are were adopted")
		}
	})
}

// TestForget: the first layer's keys depend on tokens and positions alone, so that after Forget they
// are those of a decoder that never read the dropped tokens. A turn forth and back is two rotations
// in single precision: a few units of 2^-24 of the greatest key.
func TestForget(t *testing.T) {
	eachBackend(t, func(t *testing.T, b kernels.Backend) {
		for _, scale := range []float32{1, 1.25} {
			o := loraPlus(small)
			rotary := o.Rotary
			o.Rotary = func(n int) (cos, sin []float32) {
				cos, sin = rotary(n)
				for i := range cos {
					cos[i], sin[i] = cos[i]*scale, sin[i]*scale
				}
				return cos, sin
			}
			m := newModel(t, b, small, o)
			ids := someIDs(50)
			d := decoder(t, m, 60, 8)
			read(t, d, ids...)
			if err := d.Forget(4, 15); err != nil {
				t.Fatal(err)
			}
			want := decoder(t, m, 60, 8)
			read(t, want, slices.Concat(ids[:4], ids[15:])...)
			compareKeys(t, keys(d, 0), keys(want, 0))
			if d.Len() != 39 {
				t.Errorf("%d tokens are left, want 39", d.Len())
			}
			if got := read(t, d, 3); slices.ContainsFunc(got, func(v float32) bool { return v-v != 0 }) {
				t.Error("logits are not finite")
			}
			if d.Forget(10, 5) == nil || d.Forget(0, 99) == nil {
				t.Error("an impossible range was forgotten")
			}
		}
	})
}

func compareKeys(t *testing.T, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d keys, want %d", len(got), len(want))
	}
	greatest, worst := 0.0, 0.0
	for i := range want {
		greatest = max(greatest, math.Abs(float64(want[i])))
		worst = max(worst, math.Abs(float64(got[i]-want[i])))
	}
	if worst > 16*math.Exp2(-24)*greatest {
		t.Errorf("keys differ by %g of %g", worst, greatest)
	}
}
