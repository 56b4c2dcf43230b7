package simd

import "math"

// Adam are the factors of one AdamW update, in the order in which the assembly reads them: see
// kernels.AdamWStep.
type Adam struct {
	// GradScale multiplies the gradient first. Beta1 and Beta2 are the decay rates, Rest1 and Rest2
	// what they leave of 1.
	GradScale, Beta1, Rest1, Beta2, Rest2 float32
	// Rate is LR/(1-Beta1^Step), Root is 1/sqrt(1-Beta2^Step), Decay is LR·WeightDecay.
	Rate, Root, Eps, Decay float32
}

// Adam updates p, m and v by the gradient g.
func (o *Ops) Adam(p, g, m, v []float32, a *Adam) {
	g, m, v = g[:len(p)], m[:len(p)], v[:len(p)]
	n := o.wholeIf(o.asm.adam != nil, len(p))
	if n > 0 {
		o.asm.adam(&p[0], &g[0], &m[0], &v[0], int64(n), &a.GradScale)
	}
	for i := n; i < len(p); i++ {
		x := g[i] * a.GradScale
		m[i] = a.Beta1*m[i] + a.Rest1*x
		v[i] = a.Beta2*v[i] + a.Rest2*x*x
		root := float32(math.Sqrt(float64(v[i])))
		p[i] -= a.Rate*m[i]/(a.Root*root+a.Eps) + a.Decay*p[i]
	}
}
