package swiglu

import "math"

// Reference computes y = silu(gate)·up.
func Reference[F float32 | float64](y, gate, up []F) {
	for i, g := range gate {
		y[i] = g * sigmoid(g) * up[i]
	}
}

// ReferenceGrad overwrites dgate and dup, which may be gate and up themselves.
func ReferenceGrad[F float32 | float64](dgate, dup, dy, gate, up []F) {
	for i, g := range gate {
		s, u := sigmoid(g), up[i]
		dgate[i] = dy[i] * u * s * (1 + g*(1-s))
		dup[i] = dy[i] * g * s
	}
}

func sigmoid[F float32 | float64](x F) F { return 1 / (1 + F(math.Exp(float64(-x)))) }
