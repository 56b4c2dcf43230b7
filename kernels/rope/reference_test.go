package rope

import (
	"math"
	"math/rand/v2"
	"testing"

	"longlora/kernels/difference"
)

// TestReferenceGrad includes an attention factor, with which the inverse rotation is not the
// inverse map but still its transpose.
func TestReferenceGrad(t *testing.T) {
	const heads, dim, positions, factor = 2, 6, 4, 1.3
	rng := rand.New(rand.NewPCG(1, 0))
	pos := []int32{3, 0, 1}
	cos, sin := make([]float64, positions*dim/2), make([]float64, positions*dim/2)
	for i := range cos {
		angle := 6 * rng.Float64()
		cos[i], sin[i] = factor*math.Cos(angle), factor*math.Sin(angle)
	}
	n := len(pos) * heads * dim
	x, dy := difference.Normal(rng, n), difference.Normal(rng, n)
	dx := append([]float64(nil), dy...)
	Reference(dx, cos, sin, pos, heads, dim, true)
	difference.Check(t, "x", x, dx, func() float64 {
		y := append([]float64(nil), x...)
		Reference(y, cos, sin, pos, heads, dim, false)
		return difference.Weighted(dy, y)
	})
}

// TestRelative checks what rotary positions are for: products depend on distances only.
func TestRelative(t *testing.T) {
	cos, sin := make([]float64, 10), make([]float64, 10)
	for p := range cos {
		cos[p], sin[p] = math.Cos(0.3*float64(p)), math.Sin(0.3*float64(p))
	}
	product := func(p, q int32) float64 {
		a, b := []float64{0.3, -1.1}, []float64{0.7, 0.2}
		Reference(a, cos, sin, []int32{p}, 1, 2, false)
		Reference(b, cos, sin, []int32{q}, 1, 2, false)
		return a[0]*b[0] + a[1]*b[1]
	}
	if got, want := product(9, 6), product(4, 1); math.Abs(got-want) > 1e-14 {
		t.Errorf("product of positions 9 and 6 is %g, of 4 and 1 is %g", got, want)
	}
	if got, other := product(9, 6), product(4, 2); math.Abs(got-other) < 1e-3 {
		t.Errorf("products at distances 3 and 2 are both %g", got)
	}
}
