package bias

import (
	"math/rand/v2"
	"testing"

	"longlora/kernels/difference"
)

func TestReferenceGrad(t *testing.T) {
	const rows, d = 3, 5
	rng := rand.New(rand.NewPCG(1, 0))
	x, b, dy := difference.Normal(rng, rows*d), difference.Normal(rng, d), difference.Normal(rng, rows*d)
	db := make([]float64, d)
	ReferenceGrad(db, dy)
	difference.Check(t, "b", b, db, func() float64 {
		y := append([]float64(nil), x...)
		Reference(y, b)
		return difference.Weighted(dy, y)
	})
}
