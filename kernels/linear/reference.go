package linear

// Operand is a linear layer in float64; A and B are nil without an adapter.
type Operand struct {
	In, Out, Rank int
	W             []float64 // [Out, In]
	A, B          []float64 // [Rank, In], [Out, Rank]
	Scale         float64   // alpha/r
	Dropout       float32
	Seed          uint64
}

// Reference computes y = x Wᵀ + Scale·u Bᵀ, or adds it to y, with u = x' Aᵀ. x [T, In], y [T, Out],
// u [T, Rank] (nil without an adapter).
func Reference(y, u, x []float64, l Operand, accumulate bool) {
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

// Gradients are what ReferenceGrad adds to; nil members are not wanted.
type Gradients struct{ DX, DW, DA, DB []float64 }

// ReferenceGrad adds to the members of g. u is Reference's.
func ReferenceGrad(g Gradients, dy, x, u []float64, l Operand) {
	if g.DX != nil {
		multiply(g.DX, dy, transpose(l.W, l.Out, l.In), l.In, l.Out, 1)
	}
	if g.DW != nil {
		outer(g.DW, dy, x, l.Out, l.In, 1)
	}
	if l.A == nil {
		return
	}
	v := make([]float64, len(dy)/l.Out*l.Rank)
	multiply(v, dy, transpose(l.B, l.Out, l.Rank), l.Rank, l.Out, l.Scale)
	if g.DX != nil {
		masked := make([]float64, len(x))
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
func (l Operand) dropped(x []float64) []float64 {
	y := make([]float64, len(x))
	for i := range x {
		if Keep(l.Seed, uint64(i), l.Dropout) {
			y[i] = x[i] / (1 - float64(l.Dropout))
		}
	}
	return y
}

// multiply computes y += s·x Wᵀ for W [out, in].
func multiply(y, x, w []float64, out, in int, s float64) {
	for t := range len(x) / in {
		for o := range out {
			var sum float64
			for i := range in {
				sum += x[t*in+i] * w[o*in+i]
			}
			y[t*out+o] += s * sum
		}
	}
}

// outer computes dw += s·dyᵀ x for dw [out, in].
func outer(dw, dy, x []float64, out, in int, s float64) {
	for o := range out {
		for i := range in {
			var sum float64
			for t := range len(x) / in {
				sum += dy[t*out+o] * x[t*in+i]
			}
			dw[o*in+i] += s * sum
		}
	}
}

// transpose returns w [rows, columns] as [columns, rows].
func transpose(w []float64, rows, columns int) []float64 {
	t := make([]float64, len(w))
	for r := range rows {
		for c := range columns {
			t[c*rows+r] = w[r*columns+c]
		}
	}
	return t
}
