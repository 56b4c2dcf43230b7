package adamw

import (
	"math"

	"longlora/kernels"
)

// Reference updates p, m and v by the gradient g.
func Reference(p, g, m, v []float64, s kernels.AdamWStep) {
	beta1, beta2, n := float64(s.Beta1), float64(s.Beta2), float64(s.Step)
	for i := range p {
		d := g[i] * float64(s.GradScale)
		m[i] = beta1*m[i] + (1-beta1)*d
		v[i] = beta2*v[i] + (1-beta2)*d*d
		mean, square := m[i]/(1-math.Pow(beta1, n)), v[i]/(1-math.Pow(beta2, n))
		step := mean/(math.Sqrt(square)+float64(s.Eps)) + float64(s.WeightDecay)*p[i]
		p[i] -= float64(s.LR) * step
	}
}

// ReferenceSumSquares returns Σ x² over all slices.
func ReferenceSumSquares(xs ...[]float64) float64 {
	var sum float64
	for _, x := range xs {
		for _, v := range x {
			sum += v * v
		}
	}
	return sum
}
