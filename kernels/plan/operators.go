package plan

import (
	"longlora/kernels"
	"longlora/kernels/check"
)

// Operations an element of the formulas in the operators' doc.go.
const (
	perNorm        = 4  // square and sum; two products
	perNormGrad    = 7  // dy·w, its product with x, sum; two products, difference, +=
	perNormWeight  = 3  // two products, +=
	perLayer       = 8  // sum; difference, square and sum; difference, two products, sum
	perLayerGrad   = 10 // perNormGrad, the sum of dy·w, its difference, x - mean
	perTurn        = 3  // two products, sum
	perGate        = 5  // σ: exp, sum, quotient; two products
	perGateGrad    = 11 // σ; two products for du; four products, sum and difference for dg
	perGELU        = 9  // argument: three; exp, sum, quotient; product by x, by up
	perGELUGrad    = 16
	perCap         = 4  // quotient, exp, sum, quotient
	perSoftmax     = 5  // scale, difference, exp, sum, quotient
	perSoftmaxGrad = 6  // scale, difference, exp; difference, two products for dz
	perAdam        = 17 // g scaled; m: 3; v: 4; two corrections; root, sum, quotient; decay; p: 2
)

// Add counts a sum an element.
func (b *Backend) Add(dst, src kernels.Tensor) {
	check.Add(dst, src)
	b.count("Add", float64(dst.Len()))
}

// Scale counts a product an element.
func (b *Backend) Scale(t kernels.Tensor, _ float32) {
	check.Scale(t)
	b.count("Scale", float64(t.Len()))
}

// Embedding counts no arithmetic.
func (b *Backend) Embedding(y, table, ids kernels.Tensor) {
	check.Embedding(y, table, ids)
	b.count("Embedding", 0)
}

// EmbeddingGrad counts a sum an element.
func (b *Backend) EmbeddingGrad(dTable, dy, ids kernels.Tensor) {
	check.EmbeddingGrad(dTable, dy, ids)
	b.count("EmbeddingGrad", float64(dy.Len()))
}

// RMSNorm counts.
func (b *Backend) RMSNorm(y, rstd, x, w kernels.Tensor, _ float32) {
	check.RMSNorm(y, rstd, x, w)
	b.count("RMSNorm", perNorm*float64(x.Len()))
}

// RMSNormGrad counts.
func (b *Backend) RMSNormGrad(dx, dw, dy, x, w, rstd kernels.Tensor) {
	check.RMSNormGrad(dx, dw, dy, x, w, rstd)
	n := float64(perNormGrad)
	if !dw.IsZero() {
		n += perNormWeight
	}
	b.count("RMSNormGrad", n*float64(x.Len()))
}

// LayerNorm counts.
func (b *Backend) LayerNorm(y, mean, rstd, x, w, shift kernels.Tensor, _ float32) {
	check.LayerNorm(y, mean, rstd, x, w, shift)
	b.count("LayerNorm", perLayer*float64(x.Len()))
}

// LayerNormGrad counts.
func (b *Backend) LayerNormGrad(dx, dw, db, dy, x, w, mean, rstd kernels.Tensor) {
	check.LayerNormGrad(dx, dw, db, dy, x, w, mean, rstd)
	n := float64(perLayerGrad)
	if !dw.IsZero() {
		n += perNormWeight + 1
	}
	b.count("LayerNormGrad", n*float64(x.Len()))
}

// AddBias counts a sum an element.
func (b *Backend) AddBias(y, v kernels.Tensor) {
	check.AddBias(y, v)
	b.count("AddBias", float64(y.Len()))
}

// BiasGrad counts a sum an element.
func (b *Backend) BiasGrad(db, dy kernels.Tensor) {
	check.BiasGrad(db, dy)
	b.count("BiasGrad", float64(dy.Len()))
}

// GELU counts.
func (b *Backend) GELU(y, x, up kernels.Tensor, _ kernels.GELU) {
	check.GELU(y, x, up)
	b.count("GELU", perGELU*float64(y.Len()))
}

// GELUGrad counts.
func (b *Backend) GELUGrad(dx, dup, dy, x, up kernels.Tensor, _ kernels.GELU) {
	check.GELUGrad(dx, dup, dy, x, up)
	b.count("GELUGrad", perGELUGrad*float64(dy.Len()))
}

// SoftCap counts.
func (b *Backend) SoftCap(y kernels.Tensor, limit float32) {
	check.SoftCap(y, limit)
	b.count("SoftCap", perCap*float64(y.Len()))
}

// RoPE counts.
func (b *Backend) RoPE(x, cos, sin, pos kernels.Tensor, _ bool) {
	check.RoPE(x, cos, sin, pos)
	b.count("RoPE", perTurn*float64(x.Len()))
}

// product returns the operations of a matrix product.
func product(m, n, k int) float64 { return 2 * float64(m) * float64(n) * float64(k) }

// Linear counts its matrix products.
func (b *Backend) Linear(y, x kernels.Tensor, l kernels.Linear, u kernels.Tensor, _ bool) {
	check.Linear(y, x, l, u)
	t, in, out := x.Dim(0), l.W.In(), l.W.Out()
	n := product(t, out, in)
	if !l.A.IsZero() {
		r := l.A.Dim(0)
		n += product(t, r, in) + product(t, out, r)
	}
	b.count("Linear", n+dora(l, t, l.Dropout > 0))
}

// dora counts what DoRA adds: the scaling, and W's product with x' where it is another than x, or
// where it is not kept.
func dora(l kernels.Linear, t int, again bool) float64 {
	if l.Magnitude.IsZero() {
		return 0
	}
	n := 2 * float64(t) * float64(l.W.Out())
	if again {
		n += product(t, l.W.Out(), l.W.In())
	}
	return n
}

// AdapterNorms counts B A and the squares.
func (b *Backend) AdapterNorms(norms kernels.Tensor, l kernels.Linear) {
	check.AdapterNorms(norms, l)
	n := 3 * float64(l.W.Out()) * float64(l.W.In())
	if !l.A.IsZero() {
		n += product(l.W.Out(), l.W.In(), l.A.Dim(0))
	}
	b.count("AdapterNorms", n)
}

// LinearGrad counts the matrix products of the wanted gradients.
func (b *Backend) LinearGrad(dx kernels.Tensor, g kernels.LinearGrad, dy, x kernels.Tensor,
	l kernels.Linear, u kernels.Tensor) {
	check.LinearGrad(dx, g, dy, x, l, u)
	t, in, out := x.Dim(0), l.W.In(), l.W.Out()
	var n float64
	if !dx.IsZero() {
		n += product(t, in, out)
	}
	if !g.DW.IsZero() {
		n += product(out, in, t)
	}
	if !l.A.IsZero() {
		n += adapterGrad(!dx.IsZero(), g, t, in, out, l.A.Dim(0))
	}
	n += dora(l, t, !g.DMagnitude.IsZero())
	if l.Dropout > 0 {
		n += dora(l, t, !dx.IsZero())
	}
	b.count("LinearGrad", n)
}

func adapterGrad(dx bool, g kernels.LinearGrad, t, in, out, r int) (n float64) {
	if !g.DB.IsZero() {
		n += product(out, r, t)
	}
	if dx || !g.DA.IsZero() {
		n += product(t, r, out) // v
	}
	if !g.DA.IsZero() {
		n += product(r, in, t)
	}
	if dx {
		n += product(t, in, r)
	}
	return n
}

// pairs returns how many keys all queries of all heads see together.
func pairs(s kernels.Segments, queries int) (n float64) {
	for _, g := range s.Groups {
		var seen int64
		for i := range len(g.Bounds) - 1 {
			start, end := int64(g.Bounds[i]), int64(g.Bounds[i+1])
			// The query at key p sees p-start+1 keys.
			first := max(start, int64(s.Offset))
			last := min(end, int64(s.Offset+queries)) - 1
			if s.Window > 0 {
				// From this key on, queries see Window keys.
				full := max(first, start+int64(s.Window)-1)
				seen += max(0, last-full+1) * int64(s.Window)
				last = min(last, full-1)
			}
			if first <= last {
				seen += (last - first + 1) * (first + last - 2*start + 2) / 2
			}
		}
		n += float64(seen) * float64(g.To-g.From)
	}
	return n
}

// Attention counts two products of Dh a pair of query and key, and the softmax.
func (b *Backend) Attention(o, lse, q, k, v kernels.Tensor, s kernels.Segments, _ float32) {
	check.Attention(o, lse, q, k, v, s)
	b.count("Attention", pairs(s, q.Dim(0))*(4*float64(q.Dim(2))+perScore(s)+perSoftmax))
}

// AttentionGrad counts five products of Dh a pair, one of which computes the scores again, and the
// softmax.
func (b *Backend) AttentionGrad(dq, dk, dv, do, o, lse, q, k, v kernels.Tensor, s kernels.Segments,
	_ float32) {
	check.AttentionGrad(dq, dk, dv, do, o, lse, q, k, v, s)
	b.count("AttentionGrad", pairs(s, q.Dim(0))*(10*float64(q.Dim(2))+2*perScore(s)+perSoftmaxGrad))
}

// perScore counts what bounds a score.
func perScore(s kernels.Segments) float64 {
	if s.Cap > 0 {
		return perCap
	}
	return 0
}

// SwiGLU counts.
func (b *Backend) SwiGLU(y, gate, up kernels.Tensor) {
	check.SwiGLU(y, gate, up)
	b.count("SwiGLU", perGate*float64(y.Len()))
}

// SwiGLUGrad counts.
func (b *Backend) SwiGLUGrad(dgate, dup, dy, gate, up kernels.Tensor) {
	check.SwiGLUGrad(dgate, dup, dy, gate, up)
	b.count("SwiGLUGrad", perGateGrad*float64(dy.Len()))
}

// CrossEntropy counts the head's matrix products and the softmax of all rows.
func (b *Backend) CrossEntropy(losses, dh, dw, h kernels.Tensor, l kernels.Linear,
	targets, weights kernels.Tensor, _ float32) {
	check.CrossEntropy(losses, dh, dw, h, l, targets, weights)
	t, d, v := h.Dim(0), l.W.In(), l.W.Out()
	n := product(t, v, d) + perSoftmax*float64(t)*float64(v)
	if l.Cap > 0 {
		n += perCap * float64(t) * float64(v)
	}
	if !dh.IsZero() {
		n += product(t, d, v)
	}
	if !dw.IsZero() {
		n += product(v, d, t)
	}
	b.count("CrossEntropy", n)
}

// LogitLoss counts the softmax of all rows.
func (b *Backend) LogitLoss(losses, logits, targets, weights kernels.Tensor, _ float32) {
	check.LogitLoss(losses, logits, targets, weights)
	b.count("LogitLoss", perSoftmax*float64(logits.Len()))
}

// SumSquares counts, and returns 0.
func (b *Backend) SumSquares(ts ...kernels.Tensor) float64 {
	check.SumSquares(ts)
	var n float64
	for _, t := range ts {
		n += 2 * float64(t.Len())
	}
	b.count("SumSquares", n)
	return 0
}

// AdamW counts.
func (b *Backend) AdamW(p, g, m, v kernels.Tensor, s kernels.AdamWStep) {
	check.AdamW(p, g, m, v, s)
	b.count("AdamW", perAdam*float64(p.Len()))
}
