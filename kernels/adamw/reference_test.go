package adamw

import (
	"math"
	"math/rand/v2"
	"testing"

	"longlora/kernels"
)

// TestReferenceUnrolled compares ten steps with the moments written as sums over all gradients.
// Both are exact but for rounding, some ten operations of 1.1e-16 each on values near 1.
func TestReferenceUnrolled(t *testing.T) {
	s := kernels.AdamWStep{LR: 0.25, Beta1: 0.5, Beta2: 0.75, Eps: 0.125, WeightDecay: 0.5,
		GradScale: 2}
	rng := rand.New(rand.NewPCG(1, 0))
	p, m, v := []float64{0.7}, []float64{0}, []float64{0}
	want, gradients := 0.7, []float64{}
	for s.Step = 1; s.Step <= 10; s.Step++ {
		g := rng.NormFloat64()
		Reference(p, []float64{g}, m, v, s)
		gradients = append(gradients, 2*g)
		root := math.Sqrt(mean(gradients, 0.75, 2))
		want -= 0.25 * (mean(gradients, 0.5, 1)/(root+0.125) + 0.5*want)
		if math.Abs(p[0]-want) > 1e-14 {
			t.Fatalf("step %d: p = %.17g, want %.17g", s.Step, p[0], want)
		}
	}
}

// mean is the average of g^power with weights that fall by beta a step back: the bias correction is
// the division by their sum.
func mean(g []float64, beta, power float64) float64 {
	var sum, weights float64
	for i, x := range g {
		w := math.Pow(beta, float64(len(g)-1-i))
		sum += w * math.Pow(x, power)
		weights += w
	}
	return sum / weights
}

func TestReferenceSumSquares(t *testing.T) {
	if got := ReferenceSumSquares([]float64{3, 4}, nil, []float64{-12}); got != 169 {
		t.Errorf("got %g, want 169", got)
	}
}
