package nf4

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestTable derives the codes anew: the quantiles of the normal distribution at 8 probabilities from
// offset to 1/2 for one sign and at 9 for the other, divided by the greatest (arXiv 2305.14314, section
// 3 and the authors' create_normal_map).
func TestTable(t *testing.T) {
	const offset = 0.9677083
	quantile := func(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }
	var want []float64
	for i := range 8 {
		want = append(want, quantile(offset-(offset-0.5)*float64(i)/8))
	}
	for i := range 7 {
		want = append(want, -quantile(offset-(offset-0.5)*float64(i)/7))
	}
	want = append(want, 0)
	slices.Sort(want)
	for i, got := range Table() {
		// The published values were computed in float32.
		if w := want[i] / quantile(offset); math.Abs(float64(got)-w) > 1e-6 {
			t.Errorf("code %d is %.8f, want %.8f", i, got, w)
		}
	}
}

func TestScales(t *testing.T) {
	all := Scales()
	if !slices.IsSorted(all[:]) || all[255] != 1 {
		t.Errorf("values are not ascending to 1: %v", all)
	}
	if i := slices.Index(all[:], 0); i != 127 {
		t.Errorf("0 is code %d, want 127", i)
	}
	// Values of bitsandbytes' map: the least positive, and the greatest below 1.
	for _, c := range []struct {
		i    int
		want float64
	}{{128, 0.55e-6}, {254, 1 - 0.9/128}, {0, -(1 - 0.9/128)}} {
		if got := float64(all[c.i]); math.Abs(got-c.want) > 1e-6*math.Abs(c.want) {
			t.Errorf("code %d is %g, want %g", c.i, got, c.want)
		}
	}
}

// TestErrors: an element errs by at most half the widest gap between codes times its scale, and by what
// the scale errs: half the widest gap between scales, 0.9/128, times the second scale.
func TestErrors(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		out, in := rapid.IntRange(1, 40).Draw(t, "out"), rapid.IntRange(1, 90).Draw(t, "in")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		w := make([]float32, out*in)
		for i := range w {
			w[i] = float32(0.02 * rng.NormFloat64())
		}
		p := Pack(w, out, in)
		const gap = (1 - 0.6961928009986877) / 2
		for i, got := range p.Values() {
			var a float64
			block := w[i/Block*Block : min(i/Block*Block+Block, len(w))]
			for _, v := range block {
				a = max(a, math.Abs(float64(v)))
			}
			allowed := gap*a + 0.9/128*float64(p.Second[i/Block/ScaleBlock]) + 1e-6*a
			if d := math.Abs(float64(got) - float64(w[i])); d > allowed {
				t.Fatalf("element %d is %g, was %g: off by %g, allowed are %g", i, got, w[i], d, allowed)
			}
		}
	})
}

// TestExact: what codes and scales can say comes back unchanged.
func TestExact(t *testing.T) {
	table := Table()
	w := make([]float32, 3*Block)
	for i := range w {
		w[i] = 0.5 * table[i%16]
	}
	if got := Pack(w, 3, Block).Values(); !slices.Equal(got, w) {
		t.Errorf("got %v, want %v", got, w)
	}
	zeros := make([]float32, 100)
	if got := Pack(zeros, 10, 10).Values(); !slices.Equal(got, zeros) {
		t.Errorf("zeros become %v", got)
	}
}
