package adamw

import (
	"math"

	"longlora/kernels"
)

// Reference updates p, m and v by the gradient g.
func Reference[F float32 | float64](p, g, m, v []F, s kernels.AdamWStep) {
	beta1, beta2 := F(s.Beta1), F(s.Beta2)
	bias1, bias2 := bias[F](s.Beta1, s.Step), bias[F](s.Beta2, s.Step)
	for i := range p {
		d := g[i] * F(s.GradScale)
		m[i] = beta1*m[i] + (1-beta1)*d
		v[i] = beta2*v[i] + (1-beta2)*d*d
		root := F(math.Sqrt(float64(v[i] / bias2)))
		p[i] -= F(s.LR) * (m[i]/bias1/(root+F(s.Eps)) + F(s.WeightDecay)*p[i])
	}
}

// bias is 1 - betaⁿ.
func bias[F float32 | float64](beta float32, n int) F {
	return F(1 - math.Pow(float64(beta), float64(n)))
}

// ReferenceSumSquares returns Σ x² over all slices.
func ReferenceSumSquares[F float32 | float64](xs ...[]F) F {
	var sum F
	for _, x := range xs {
		for _, v := range x {
			sum += v * v
		}
	}
	return sum
}
