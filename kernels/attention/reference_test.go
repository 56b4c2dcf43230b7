package attention

import (
	"math"
	"math/rand/v2"
	"testing"

	"longlora/kernels"
	"longlora/kernels/difference"
)

var mixed = kernels.Segments{Groups: []kernels.HeadGroup{
	{From: 0, To: 1, Bounds: []int32{0, 2, 5, 6}},
	{From: 1, To: 4, Bounds: []int32{0, 1, 4, 6}},
}}

func TestReferenceGrad(t *testing.T) {
	for _, c := range []struct {
		name    string
		queries int
		s       kernels.Segments
	}{
		{"training", 6, mixed},
		{"after cached keys", 2, kernels.Segments{Groups: mixed.Groups, Offset: 4}},
		{"window", 6, kernels.Segments{Groups: mixed.Groups, Window: 2}},
		{"bounded scores", 6, kernels.Segments{Groups: mixed.Groups, Cap: 0.7}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Shape{Queries: c.queries, Keys: 6, Heads: 4, KVHeads: 2, HeadDim: 3}
			checkGradients(t, d, c.s)
		})
	}
}

func checkGradients(t *testing.T, d Shape, s kernels.Segments) {
	const scale = 0.6
	rng := rand.New(rand.NewPCG(1, 0))
	nq, nk := d.Queries*d.Heads*d.HeadDim, d.Keys*d.KVHeads*d.HeadDim
	q, do := difference.Normal(rng, nq), difference.Normal(rng, nq)
	k, v := difference.Normal(rng, nk), difference.Normal(rng, nk)
	o, lse := make([]float64, nq), make([]float64, d.Heads*d.Queries)
	dq, dk, dv := make([]float64, nq), difference.Normal(rng, nk), difference.Normal(rng, nk)
	ReferenceGrad(dq, dk, dv, do, q, k, v, d, s, scale)
	loss := func() float64 {
		Reference(o, lse, q, k, v, d, s, scale)
		return difference.Weighted(do, o)
	}
	difference.Check(t, "q", q, dq, loss)
	difference.Check(t, "k", k, dk, loss)
	difference.Check(t, "v", v, dv, loss)
}

// TestSees writes a pattern down as pictures: one row a query, one mark a key that it sees.
func TestSees(t *testing.T) {
	for head, want := range [][]string{
		{"#.....", "##....", "..#...", "..##..", "..###.", ".....#"},
		{"#.....", ".#....", ".##...", ".###..", "....#.", "....##"},
	} {
		for i, row := range want {
			for j, mark := range row {
				if got := Sees(mixed, head, i, j); got != (mark == '#') {
					t.Errorf("head %d: query %d sees key %d: %v", head, i, j, got)
				}
			}
		}
	}
	after := kernels.Segments{Groups: mixed.Groups, Offset: 4}
	windowed := kernels.Segments{Groups: mixed.Groups, Window: 2}
	if !Sees(windowed, 0, 4, 3) || Sees(windowed, 0, 4, 2) || Sees(windowed, 0, 2, 1) {
		t.Error("in a window of 2 keys a query sees itself and the key before, within its segment")
	}
	if !Sees(after, 0, 0, 2) || Sees(after, 0, 0, 5) || Sees(after, 0, 1, 4) {
		t.Error("query 0 after 4 cached keys stands at key 4, query 1 at key 5")
	}
}

// TestOneKey has a closed form: a query that sees one key gives its value, and lse is the score.
func TestOneKey(t *testing.T) {
	s := kernels.Segments{Groups: []kernels.HeadGroup{{From: 0, To: 1, Bounds: []int32{0, 1}}}}
	o, lse := []float64{0, 0}, []float64{0}
	q, k, v := []float64{2, 3}, []float64{5, 7}, []float64{11, 13}
	Reference(o, lse, q, k, v, Shape{1, 1, 1, 1, 2}, s, 0.5)
	if o[0] != 11 || o[1] != 13 || math.Abs(lse[0]-15.5) > 1e-15 {
		t.Errorf("o = %g, lse = %g, want [11 13], 15.5", o, lse)
	}
}
