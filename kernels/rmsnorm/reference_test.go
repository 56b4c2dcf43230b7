package rmsnorm

import (
	"math/rand/v2"
	"testing"

	"longlora/kernels/difference"
)

func TestReferenceGrad(t *testing.T) {
	const rows, d, eps = 3, 5, 1e-3
	rng := rand.New(rand.NewPCG(1, 0))
	x, dy := difference.Normal(rng, rows*d), difference.Normal(rng, rows*d)
	w := difference.Normal(rng, d)
	y, rstd := make([]float64, rows*d), make([]float64, rows)
	dx, dw := make([]float64, rows*d), make([]float64, d)
	loss := func() float64 {
		Reference(y, rstd, x, w, eps)
		return difference.Weighted(dy, y)
	}
	loss()
	ReferenceGrad(dx, dw, dy, x, w, rstd)
	difference.Check(t, "x", x, dx, loss)
	difference.Check(t, "w", w, dw, loss)

	alone := make([]float64, rows*d)
	ReferenceGrad(alone, nil, dy, x, w, rstd)
	ReferenceGrad(alone, nil, dy, x, w, rstd)
	difference.Check(t, "x, twice", x, alone, func() float64 { return 2 * loss() })
}
