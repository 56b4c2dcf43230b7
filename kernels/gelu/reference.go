package gelu

import (
	"math"

	"longlora/kernels"
)

// Reference computes y = gelu(x)·up; up nil: gelu(x).
func Reference[F float32 | float64](y, x, up []F, form kernels.GELU) {
	for i, v := range x {
		y[i], _ = value(v, form)
		if up != nil {
			y[i] *= up[i]
		}
	}
}

// ReferenceGrad overwrites dx and, unless up is nil, dup; they may be x and up themselves.
func ReferenceGrad[F float32 | float64](dx, dup, dy, x, up []F, form kernels.GELU) {
	for i, v := range x {
		y, slope := value(v, form)
		g := dy[i]
		if up != nil {
			g, dup[i] = g*up[i], g*y
		}
		dx[i] = g * slope
	}
}

// value returns gelu(x) and its derivative.
func value[F float32 | float64](x F, form kernels.GELU) (y, slope F) {
	if form == kernels.GELUTanh {
		const c = 0.044715
		k := F(math.Sqrt(2 / math.Pi))
		t := F(math.Tanh(float64(k * (x + c*x*x*x))))
		return x * (1 + t) / 2, (1+t)/2 + x*(1-t*t)/2*k*(1+3*c*x*x)
	}
	p := F(math.Erfc(-float64(x)/math.Sqrt2)) / 2
	return x * p, p + x*F(math.Exp(-float64(x)*float64(x)/2)/math.Sqrt(2*math.Pi))
}
