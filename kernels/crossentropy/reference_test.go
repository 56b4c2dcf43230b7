package crossentropy

import (
	"math"
	"math/rand/v2"
	"testing"

	"longlora/kernels/difference"
)

func TestReferenceGrad(t *testing.T) {
	const d, v, scale = 3, 7, 0.4
	rng := rand.New(rand.NewPCG(1, 0))
	targets, weights := []int32{6, -1, 0, 6}, []float64{1, 5, 0.5, 2}
	n := len(targets)
	h, w := difference.Normal(rng, n*d), difference.Normal(rng, v*d)
	for _, limit := range []float64{0, 1.5} {
		losses, dh, dw := make([]float64, n), difference.Normal(rng, n*d), make([]float64, v*d)
		loss := func() float64 {
			Reference(losses, nil, nil, h, w, targets, weights, scale, limit, d)
			return scale * difference.Weighted(weights, losses)
		}
		Reference(losses, dh, dw, h, w, targets, weights, scale, limit, d)
		if losses[1] != 0 {
			t.Errorf("loss without target is %g, want 0", losses[1])
		}
		difference.Check(t, "h", h, dh, loss)
		difference.Check(t, "w", w, dw, loss)
	}
}

// TestUniform has a closed form: equal logits give log V, whatever their size.
func TestUniform(t *testing.T) {
	losses := make([]float64, 1)
	w := []float64{1, 1, 1, 1}
	for _, z := range []float64{0, 1e4, -1e4} {
		Reference(losses, nil, nil, []float64{z}, w, []int32{2}, nil, 1, 0, 1)
		if want := math.Log(4); math.Abs(losses[0]-want) > 1e-11 {
			t.Errorf("logits %g: loss %g, want %g", z, losses[0], want)
		}
	}
}
