package swiglu

import (
	"math/rand/v2"
	"testing"

	"longlora/kernels/difference"
)

func TestReferenceGrad(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	const n = 12
	up, dy, y := difference.Normal(rng, n), difference.Normal(rng, n), make([]float64, n)
	gate := []float64{-6, -3, -1.5, -0.7, -0.1, 0, 0.1, 0.8, 1.5, 2.2, 3, 6}
	dgate, dup := append([]float64(nil), gate...), append([]float64(nil), up...)
	ReferenceGrad(dgate, dup, dy, dgate, dup) // in place
	loss := func() float64 {
		Reference(y, gate, up)
		return difference.Weighted(dy, y)
	}
	difference.Check(t, "gate", gate, dgate, loss)
	difference.Check(t, "up", up, dup, loss)
}
