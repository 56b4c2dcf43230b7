package swiglu

import "math"

// Reference computes y = silu(gate)·up.
func Reference(y, gate, up []float64) {
	for i, g := range gate {
		y[i] = g * sigmoid(g) * up[i]
	}
}

// ReferenceGrad overwrites dgate and dup, which may be gate and up themselves.
func ReferenceGrad(dgate, dup, dy, gate, up []float64) {
	for i, g := range gate {
		s, u := sigmoid(g), up[i]
		dgate[i] = dy[i] * u * s * (1 + g*(1-s))
		dup[i] = dy[i] * g * s
	}
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
