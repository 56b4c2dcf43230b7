package layernorm

import (
	"math/rand/v2"
	"testing"

	"longlora/kernels/difference"
)

func TestReferenceGrad(t *testing.T) {
	const rows, d, eps = 3, 5, 1e-3
	rng := rand.New(rand.NewPCG(1, 0))
	x, dy := difference.Normal(rng, rows*d), difference.Normal(rng, rows*d)
	w, b := difference.Normal(rng, d), difference.Normal(rng, d)
	y, mean, rstd := make([]float64, rows*d), make([]float64, rows), make([]float64, rows)
	dx, dw, db := make([]float64, rows*d), make([]float64, d), make([]float64, d)
	loss := func() float64 {
		Reference(y, mean, rstd, x, w, b, eps)
		return difference.Weighted(dy, y)
	}
	loss()
	ReferenceGrad(dx, dw, db, dy, x, w, mean, rstd)
	difference.Check(t, "x", x, dx, loss)
	difference.Check(t, "w", w, dw, loss)
	difference.Check(t, "b", b, db, loss)

	alone := make([]float64, rows*d)
	ReferenceGrad(alone, nil, nil, dy, x, w, mean, rstd)
	ReferenceGrad(alone, nil, nil, dy, x, w, mean, rstd)
	difference.Check(t, "x, twice", x, alone, func() float64 { return 2 * loss() })
}
