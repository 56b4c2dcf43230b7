package embedding

import (
	"math/rand/v2"
	"testing"

	"longlora/kernels/difference"
)

func TestReferenceGrad(t *testing.T) {
	const v, d = 5, 3
	rng := rand.New(rand.NewPCG(1, 0))
	ids := []int32{4, 0, 4, 2, 4, 0}
	table, dTable := difference.Normal(rng, v*d), difference.Normal(rng, v*d)
	before := append([]float64(nil), dTable...)
	y, dy := make([]float64, len(ids)*d), difference.Normal(rng, len(ids)*d)
	ReferenceGrad(dTable, dy, ids, d)
	for i := range dTable {
		dTable[i] -= before[i] // the operator adds
	}
	difference.Check(t, "table", table, dTable, func() float64 {
		Reference(y, table, ids, d)
		return difference.Weighted(dy, y)
	})
}
