package simd

import "math"

// Scale computes x *= s.
func (o *Ops) Scale(x []float32, s float32) {
	for i := range x {
		x[i] *= s
	}
}

// Multiply computes dst = s·a·b.
func (o *Ops) Multiply(dst, a, b []float32, s float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = s * a[i] * b[i]
	}
}

// MultiplyAdd computes dst += s·a·b.
func (o *Ops) MultiplyAdd(dst, a, b []float32, s float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] += s * a[i] * b[i]
	}
}

// Dot3 returns Σ a·b·c.
func (o *Ops) Dot3(a, b, c []float32) float32 {
	b, c = b[:len(a)], c[:len(a)]
	var sum float32
	for i := range a {
		sum += a[i] * b[i] * c[i]
	}
	return sum
}

// Rotate turns the pairs (x[j], y[j]) by the angles of cosines c and sines s.
func (o *Ops) Rotate(x, y, c, s []float32) {
	y, c, s = y[:len(x)], c[:len(x)], s[:len(x)]
	for j := range x {
		a, b := x[j], y[j]
		x[j], y[j] = a*c[j]-b*s[j], b*c[j]+a*s[j]
	}
}

// RotateBack undoes Rotate.
func (o *Ops) RotateBack(x, y, c, s []float32) {
	y, c, s = y[:len(x)], c[:len(x)], s[:len(x)]
	for j := range x {
		a, b := x[j], y[j]
		x[j], y[j] = a*c[j]+b*s[j], b*c[j]-a*s[j]
	}
}

// Gate computes dst = p·(x·scale - shift).
func (o *Ops) Gate(dst, p, x []float32, scale, shift float32) {
	p, x = p[:len(dst)], x[:len(dst)]
	for i := range dst {
		dst[i] = p[i] * (x[i]*scale - shift)
	}
}

// SwiGLU computes dst = silu(gate)·up.
func (o *Ops) SwiGLU(dst, gate, up []float32) {
	gate, up = gate[:len(dst)], up[:len(dst)]
	for i := range dst {
		dst[i] = gate[i] * sigmoid(gate[i]) * up[i]
	}
}

// SwiGLUGrad computes the gradients of SwiGLU by its operands. dgate may be gate, dup may be up.
func (o *Ops) SwiGLUGrad(dgate, dup, dy, gate, up []float32) {
	dup, dy, gate, up = dup[:len(dgate)], dy[:len(dgate)], gate[:len(dgate)], up[:len(dgate)]
	for i := range dgate {
		g, d := gate[i], dy[i]
		s := sigmoid(g)
		dgate[i], dup[i] = d*up[i]*s*(1+g*(1-s)), d*g*s
	}
}

// sigmoid returns 1/(1+exp(-x)).
func sigmoid(x float32) float32 {
	return float32(1 / (1 + math.Exp(-float64(x))))
}

// Adam are the factors of one AdamW update: see kernels.AdamWStep.
type Adam struct {
	// GradScale multiplies the gradient first. Beta1 and Beta2 are the decay rates.
	GradScale, Beta1, Beta2 float32
	// Rate is LR/(1-Beta1^Step), Root is 1/sqrt(1-Beta2^Step), Decay is LR·WeightDecay.
	Rate, Root, Eps, Decay float32
}

// Adam updates p, m and v by the gradient g.
func (o *Ops) Adam(p, g, m, v []float32, a Adam) {
	g, m, v = g[:len(p)], m[:len(p)], v[:len(p)]
	for i := range p {
		x := g[i] * a.GradScale
		m[i] = a.Beta1*m[i] + (1-a.Beta1)*x
		v[i] = a.Beta2*v[i] + (1-a.Beta2)*x*x
		root := float32(math.Sqrt(float64(v[i])))
		p[i] -= a.Rate*m[i]/(a.Root*root+a.Eps) + a.Decay*p[i]
	}
}
