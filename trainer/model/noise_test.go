package model

import (
	"math"
	"slices"
	"testing"

	"longlora/kernels/pattern"
)

// TestNoise: the gradient under noise is that of a model whose embedding has it, in every bit: each
// token stands once in the batch, and the head is another matrix; in float32, as the sum is rounded. The noise is uniform in the published
// bounds and of the published size.
func TestNoise(t *testing.T) {
	back, c := open(t, "cpu", 2), small
	c.Vocab = 700
	o := everything(c)
	o.Context = 700
	lens := []int32{400, 1, 260}
	b := packed(c, 1, pattern.S2, 100, lens...)
	for i := range b.IDs {
		b.IDs[i] = int32(i+13) % 700
	}
	b.Seed = 77
	o.Noise = 5
	noisy := newModel(t, back, c, o)
	loss := gradient(t, noisy, 1, b)
	want := grads(noisy)
	o.Noise = 0
	plain := newModel(t, back, c, o)
	table := plain.Values(plain.embed)
	at, sum, squares := 0, 0.0, 0.0
	row := make([]float32, c.Hidden)
	for _, n := range lens {
		size := 5 / math.Sqrt(float64(n)*float64(c.Hidden))
		for range n {
			noisy.noise(row, mix(mix(77, noiseID), uint64(at)), int(n))
			for j, v := range row {
				if x := float64(v) / size; math.Abs(x) > 1+1e-6 {
					t.Fatalf("noise %g in a document of %d tokens, want at most %g", v, n, size)
				} else {
					sum, squares = sum+x, squares+x*x
				}
				table[int(b.IDs[at])*c.Hidden+j] += v
			}
			at++
		}
	}
	// 661·24 draws from (-1, 1): variance 1/3, that of the squares 4/45; five standard errors.
	n := float64(at * c.Hidden)
	if mean, square := sum/n, squares/n; math.Abs(mean) > 5/math.Sqrt(3*n) ||
		math.Abs(square-1.0/3) > 5*math.Sqrt(4.0/45/n) {
		t.Errorf("mean %g and mean square %g, want 0 and 1/3", mean, square)
	}
	if err := plain.SetParam(plain.embed, table); err != nil {
		t.Fatal(err)
	}
	if got := gradient(t, plain, 1, b); got != loss {
		t.Errorf("loss %g, want %g", got, loss)
	}
	for name, got := range grads(plain) {
		if !slices.Equal(got, want[name]) {
			t.Errorf("the gradient of %s differs", name)
		}
	}
	// Another seed is other noise; none is none; and evaluation has none.
	b.Seed = 78
	if again := gradient(t, noisy, 1, b); again == loss {
		t.Error("another seed has the same noise")
	}
	clean := newModel(t, back, c, o)
	b.Seed = 0
	if got, want := gradient(t, noisy, 1, b), gradient(t, clean, 1, b); got != want {
		t.Errorf("without a seed: loss %g, want %g", got, want)
	}
	losses, err := noisy.Losses(b)
	if err != nil {
		t.Fatal(err)
	}
	if plainly, err := clean.Losses(b); err != nil || !slices.Equal(losses, plainly) {
		t.Errorf("evaluation has noise (%v)", err)
	}
}
