package linear

// Operand is a linear layer in float64.
type Operand = OperandOf[float64]

// OperandOf is a linear layer; A and B are nil without an adapter.
type OperandOf[F float32 | float64] struct {
	In, Out, Rank int
	W             []F // [Out, In]
	A, B          []F // [Rank, In], [Out, Rank]
	Scale         F   // alpha/r
	Dropout       float32
	Seed          uint64
	// Magnitude and Norm [Out] make it DoRA's; nil: plain LoRA.
	Magnitude, Norm []F
}

// Reference computes y = x Wᵀ + Scale·u Bᵀ, or adds it to y, with u = x' Aᵀ. x [T, In], y [T, Out],
// u [T, Rank] (nil without an adapter).
func Reference[F float32 | float64](y, u, x []F, l OperandOf[F], accumulate bool) {
	if l.Magnitude != nil {
		referenceDoRA(y, u, x, l, accumulate)
		return
	}
	if !accumulate {
		clear(y)
	}
	multiply(y, x, l.W, l.Out, l.In, 1)
	if l.A == nil {
		return
	}
	clear(u)
	multiply(u, l.dropped(x), l.A, l.Rank, l.In, 1)
	multiply(y, u, l.B, l.Out, l.Rank, l.Scale)
}

// Gradients are GradientsOf in float64.
type Gradients = GradientsOf[float64]

// GradientsOf are what ReferenceGrad adds to; nil members are not wanted.
type GradientsOf[F float32 | float64] struct{ DX, DW, DA, DB, DMagnitude []F }

// ReferenceGrad adds to the members of g. u is Reference's.
func ReferenceGrad[F float32 | float64](g GradientsOf[F], dy, x, u []F, l OperandOf[F]) {
	if l.Magnitude != nil {
		referenceDoRAGrad(g, dy, x, u, l)
		return
	}
	if g.DX != nil {
		multiply(g.DX, dy, transpose(l.W, l.Out, l.In), l.In, l.Out, 1)
	}
	if g.DW != nil {
		outer(g.DW, dy, x, l.Out, l.In, 1)
	}
	if l.A == nil {
		return
	}
	v := make([]F, len(dy)/l.Out*l.Rank)
	multiply(v, dy, transpose(l.B, l.Out, l.Rank), l.Rank, l.Out, l.Scale)
	if g.DX != nil {
		masked := make([]F, len(x))
		multiply(masked, v, transpose(l.A, l.Rank, l.In), l.In, l.Rank, 1)
		for i, d := range l.dropped(masked) {
			g.DX[i] += d
		}
	}
	if g.DA != nil {
		outer(g.DA, v, l.dropped(x), l.Rank, l.In, 1)
	}
	if g.DB != nil {
		outer(g.DB, dy, u, l.Out, l.Rank, l.Scale)
	}
}

// dropped returns x'.
func (l OperandOf[F]) dropped(x []F) []F {
	y := make([]F, len(x))
	for i := range x {
		if Keep(l.Seed, uint64(i), l.Dropout) {
			y[i] = x[i] / (1 - F(l.Dropout))
		}
	}
	return y
}

// multiply computes y += s·x Wᵀ for W [out, in].
func multiply[F float32 | float64](y, x, w []F, out, in int, s F) {
	for t := range len(x) / in {
		for o := range out {
			var sum F
			for i := range in {
				sum += x[t*in+i] * w[o*in+i]
			}
			y[t*out+o] += s * sum
		}
	}
}

// outer computes dw += s·dyᵀ x for dw [out, in].
func outer[F float32 | float64](dw, dy, x []F, out, in int, s F) {
	for o := range out {
		for i := range in {
			var sum F
			for t := range len(x) / in {
				sum += dy[t*out+o] * x[t*in+i]
			}
			dw[o*in+i] += s * sum
		}
	}
}

// transpose returns w [rows, columns] as [columns, rows].
func transpose[F float32 | float64](w []F, rows, columns int) []F {
	t := make([]F, len(w))
	for r := range rows {
		for c := range columns {
			t[c*rows+r] = w[r*columns+c]
		}
	}
	return t
}
