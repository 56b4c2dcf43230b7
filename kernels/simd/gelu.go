package simd

import "math"

// The constants of GELU's approximation by tanh (arXiv 1606.08415, section 2): gelu(x) = x·σ(z) with
// z = geluSlope·x·(1 + geluCubic·x²).
const (
	geluSlope = 1.5957691216057308 // 2·sqrt(2/π)
	geluCubic = 0.044715
)

// GELUTanh computes dst = gelu(x)·up, up nil: gelu(x), by tanh. e is scratch of x's length; dst may be
// x or up.
func (o *Ops) GELUTanh(dst, x, up, e []float32) {
	dst, e = dst[:len(x)], e[:len(x)]
	o.expTanh(e, x)
	if up == nil {
		for i, v := range x {
			dst[i] = v / (1 + e[i])
		}
		return
	}
	up = up[:len(x)]
	for i, v := range x {
		dst[i] = v / (1 + e[i]) * up[i]
	}
}

// expTanh computes e = exp(-z).
func (o *Ops) expTanh(e, x []float32) {
	for i, v := range x {
		e[i] = v * (1 + geluCubic*v*v)
	}
	o.ExpSum(e, e, -geluSlope, 0)
}

// huge stands for larger exponentials, infinite ones too: 1/(1+huge) is 0 beside anything.
const huge = 1e30

// GELUTanhGrad computes the gradients of GELUTanh by its operands, without up that of x alone. dx may
// be x, dup may be up.
func (o *Ops) GELUTanhGrad(dx, dup, dy, x, up, e []float32) {
	dx, dy, e = dx[:len(x)], dy[:len(x)], e[:len(x)]
	o.expTanh(e, x)
	for i, v := range x {
		q := min(e[i], huge)
		s := 1 / (1 + q)
		slope := s + v*s*s*q*geluSlope*(1+3*geluCubic*v*v)
		g := dy[i]
		if up != nil {
			g, dup[i] = g*up[i], g*v*s
		}
		dx[i] = g * slope
	}
}

// tailConstants are those of the normal distribution's tail: Q(x) = exp(-x²/2)·s·P(s) with
// s = 1/(1 + tailScale·x), for x >= 0, fitted to a relative error of 2^-24.
var tailConstants = [...]float32{
	-0.0290952059, 0.143720073, -0.255183317, 0.158553521, -0.0226715962,
	0.105317236, 0.119882687, 0.139854759, 0.139621828,
}

const tailScale = 0.35

// normal returns the distribution Φ(x) of which q is exp(-x²/2).
func normal(x, q float32) float32 {
	s := 1 / (1 + tailScale*float32(math.Abs(float64(x))))
	p := tailConstants[0]
	for _, c := range tailConstants[1:] {
		p = p*s + c
	}
	if q *= s * p; x > 0 {
		return 1 - q
	}
	return q
}

// GELU computes dst = x·Φ(x)·up, up nil: x·Φ(x). e is scratch of x's length; dst may be x or up.
func (o *Ops) GELU(dst, x, up, e []float32) {
	dst, e = dst[:len(x)], e[:len(x)]
	o.density(e, x)
	for i, v := range x {
		y := v * normal(v, e[i])
		if up != nil {
			y *= up[i]
		}
		dst[i] = y
	}
}

// density computes e = exp(-x²/2).
func (o *Ops) density(e, x []float32) {
	for i, v := range x {
		e[i] = v * v
	}
	o.ExpSum(e, e, -0.5, 0)
}

// GELUGrad computes the gradients of GELU by its operands, without up that of x alone. dx may be x,
// dup may be up.
func (o *Ops) GELUGrad(dx, dup, dy, x, up, e []float32) {
	const density = 0.3989422804014327 // 1/sqrt(2π)
	dx, dy, e = dx[:len(x)], dy[:len(x)], e[:len(x)]
	o.density(e, x)
	for i, v := range x {
		p, g := normal(v, e[i]), dy[i]
		slope := p + v*density*e[i]
		if up != nil {
			g, dup[i] = g*up[i], g*v*p
		}
		dx[i] = g * slope
	}
}
