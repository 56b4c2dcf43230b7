package gelu

import (
	"math/rand/v2"
	"testing"

	"longlora/kernels"
	"longlora/kernels/difference"
)

func TestReferenceGrad(t *testing.T) {
	for _, form := range []kernels.GELU{kernels.GELUErf, kernels.GELUTanh} {
		rng := rand.New(rand.NewPCG(1, 0))
		x := []float64{-6, -3, -1.5, -0.7, -0.1, 0, 0.1, 0.8, 1.5, 2.2, 3, 6}
		n := len(x)
		up, dy, y := difference.Normal(rng, n), difference.Normal(rng, n), make([]float64, n)
		dx, dup := append([]float64(nil), x...), append([]float64(nil), up...)
		ReferenceGrad(dx, dup, dy, dx, dup, form) // in place
		loss := func() float64 {
			Reference(y, x, up, form)
			return difference.Weighted(dy, y)
		}
		difference.Check(t, "x", x, dx, loss)
		difference.Check(t, "up", up, dup, loss)
		ReferenceGrad(dx, nil, dy, x, nil, form)
		difference.Check(t, "x alone", x, dx, func() float64 {
			Reference(y, x, nil, form)
			return difference.Weighted(dy, y)
		})
	}
}
