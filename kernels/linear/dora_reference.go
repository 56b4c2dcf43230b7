package linear

import "math"

// ReferenceNorms computes norms[o] = ‖W_o + Scale·B_o A‖.
func ReferenceNorms[F float32 | float64](norms []F, l OperandOf[F]) {
	v := l.combined()
	for o := range norms {
		var sum F
		for _, x := range v[o*l.In : (o+1)*l.In] {
			sum += x * x
		}
		norms[o] = F(math.Sqrt(float64(sum)))
	}
}

// combined returns W + Scale·B A.
func (l OperandOf[F]) combined() []F {
	v := append([]F(nil), l.W...)
	if l.A != nil {
		multiply(v, l.B, transpose(l.A, l.Rank, l.In), l.In, l.Rank, l.Scale)
	}
	return v
}

// referenceDoRA is Reference for DoRA: y and u by the formula as it stands.
func referenceDoRA[F float32 | float64](y, u, x []F, l OperandOf[F], accumulate bool) {
	if !accumulate {
		clear(y)
	}
	dropped := l.dropped(x)
	clear(u)
	multiply(u, dropped, l.A, l.Rank, l.In, 1)
	if l.Dropout > 0 {
		multiply(y, x, l.W, l.Out, l.In, 1)
	}
	base, low := make([]F, len(y)), make([]F, len(y))
	multiply(base, dropped, l.W, l.Out, l.In, 1)
	multiply(low, u, l.B, l.Out, l.Rank, l.Scale)
	for i := range y {
		g := l.Magnitude[i%l.Out] / l.Norm[i%l.Out]
		if l.Dropout > 0 {
			y[i] += (g-1)*base[i] + g*low[i]
		} else {
			y[i] += g * (base[i] + low[i])
		}
	}
}

// referenceDoRAGrad is ReferenceGrad for DoRA.
func referenceDoRAGrad[F float32 | float64](g GradientsOf[F], dy, x, u []F, l OperandOf[F]) {
	dropped := l.dropped(x)
	z := make([]F, len(dy))
	multiply(z, dropped, l.W, l.Out, l.In, 1)
	multiply(z, u, l.B, l.Out, l.Rank, l.Scale)
	dz, rest := make([]F, len(dy)), make([]F, len(dy))
	for i, d := range dy {
		gain := l.Magnitude[i%l.Out] / l.Norm[i%l.Out]
		dz[i], rest[i] = gain*d, (gain-1)*d
		if g.DMagnitude != nil {
			g.DMagnitude[i%l.Out] += d * z[i] / l.Norm[i%l.Out]
		}
	}
	v := make([]F, len(dy)/l.Out*l.Rank)
	multiply(v, dz, transpose(l.B, l.Out, l.Rank), l.Rank, l.Out, l.Scale)
	if g.DX != nil {
		w, masked := transpose(l.W, l.Out, l.In), make([]F, len(x))
		multiply(masked, v, transpose(l.A, l.Rank, l.In), l.In, l.Rank, 1)
		if l.Dropout > 0 {
			multiply(g.DX, dy, w, l.In, l.Out, 1)
			multiply(masked, rest, w, l.In, l.Out, 1)
		} else {
			multiply(masked, dz, w, l.In, l.Out, 1)
		}
		for i, d := range l.dropped(masked) {
			g.DX[i] += d
		}
	}
	if g.DA != nil {
		outer(g.DA, v, dropped, l.Rank, l.In, 1)
	}
	if g.DB != nil {
		outer(g.DB, dz, u, l.Out, l.Rank, l.Scale)
	}
}
