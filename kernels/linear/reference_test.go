package linear

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"longlora/kernels/difference"
)

func TestReferenceGrad(t *testing.T) {
	for _, c := range []struct {
		rank    int
		dropout float32
	}{{0, 0}, {2, 0}, {2, 0.375}} {
		t.Run(fmt.Sprintf("rank=%d,dropout=%g", c.rank, c.dropout), func(t *testing.T) {
			checkGradients(t, c.rank, c.dropout)
		})
	}
}

func checkGradients(t *testing.T, rank int, dropout float32) {
	const rows, in, out = 4, 5, 3
	rng := rand.New(rand.NewPCG(1, 0))
	l := Operand{In: in, Out: out, Rank: rank, Scale: 1.7, Dropout: dropout, Seed: 9}
	l.W = difference.Normal(rng, out*in)
	var g Gradients
	if rank > 0 {
		l.A, l.B = difference.Normal(rng, rank*in), difference.Normal(rng, out*rank)
		g.DA, g.DB = make([]float64, len(l.A)), make([]float64, len(l.B))
	}
	x := difference.Normal(rng, rows*in)
	dy, start := difference.Normal(rng, rows*out), difference.Normal(rng, rows*out)
	g.DX, g.DW = make([]float64, len(x)), make([]float64, len(l.W))
	u, y := make([]float64, rows*rank), make([]float64, rows*out)
	loss := func() float64 {
		copy(y, start)
		Reference(y, u, x, l, true)
		return difference.Weighted(dy, y)
	}
	loss()
	ReferenceGrad(g, dy, x, u, l)
	difference.Check(t, "x", x, g.DX, loss)
	difference.Check(t, "W", l.W, g.DW, loss)
	difference.Check(t, "A", l.A, g.DA, loss)
	difference.Check(t, "B", l.B, g.DB, loss)
}

func TestReferenceOverwrites(t *testing.T) {
	y, u, l := []float64{math.NaN()}, []float64{math.NaN()}, scalar()
	Reference(y, u, []float64{11}, l, false)
	if y[0] != 2*11+7*5*3*11 || u[0] != 3*11 {
		t.Errorf("y = %g, u = %g, want %d, %d", y[0], u[0], 2*11+7*5*3*11, 3*11)
	}
}

func TestUnwantedGradients(t *testing.T) {
	ReferenceGrad(Gradients{}, []float64{1}, []float64{1}, []float64{3}, scalar()) // must not panic
}

func scalar() Operand {
	return Operand{
		In: 1, Out: 1, Rank: 1, W: []float64{2}, A: []float64{3}, B: []float64{5}, Scale: 7,
	}
}
