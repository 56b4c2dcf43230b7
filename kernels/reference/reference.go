package reference

import (
	"fmt"

	"longlora/kernels"
	"longlora/kernels/adamw"
	"longlora/kernels/attention"
	"longlora/kernels/check"
	"longlora/kernels/crossentropy"
	"longlora/kernels/embedding"
	"longlora/kernels/linear"
	"longlora/kernels/rmsnorm"
	"longlora/kernels/rope"
	"longlora/kernels/swiglu"
)

// Backend runs operators at once, on one thread.
type Backend struct{}

var _ kernels.Backend = (*Backend)(nil)

// New returns a Backend.
func New() *Backend { return &Backend{} }

// Name returns "reference/float64".
func (b *Backend) Name() string { return "reference/float64" }

// Sync returns nil: nothing is queued, and nothing can fail.
func (b *Backend) Sync() error { return nil }

// Close does nothing.
func (b *Backend) Close() error { return nil }

// Write fills dst from src.
func (b *Backend) Write(dst kernels.Tensor, src []float32) {
	check.Floats("Write", dst, len(src))
	x := make([]float64, len(src))
	for i, v := range src {
		x[i] = float64(v)
	}
	store(dst, x)
}

// WriteFloat64 is Write of float64s, which an F32 tensor holds as they are.
func (b *Backend) WriteFloat64(dst kernels.Tensor, src []float64) {
	check.Floats("WriteFloat64", dst, len(src))
	store(dst, src)
}

// WriteInts fills dst from src.
func (b *Backend) WriteInts(dst kernels.Tensor, src []int32) {
	check.WriteInts(dst, len(src))
	x := make([]float64, len(src))
	for i, v := range src {
		x[i] = float64(v)
	}
	store(dst, x)
}

// Read copies src to dst, rounded to float32.
func (b *Backend) Read(dst []float32, src kernels.Tensor) {
	check.Floats("Read", src, len(dst))
	for i, v := range load(src) {
		dst[i] = float32(v)
	}
}

// ReadFloat64 returns a copy of src, not rounded.
func (b *Backend) ReadFloat64(src kernels.Tensor) []float64 {
	check.Floats("ReadFloat64", src, src.Len())
	return load(src)
}

// Zero clears t.
func (b *Backend) Zero(t kernels.Tensor) { store(t, make([]float64, t.Len())) }

// Copy copies src to dst.
func (b *Backend) Copy(dst, src kernels.Tensor) {
	check.Copy(dst, src)
	store(dst, load(src))
}

// Add computes dst += src.
func (b *Backend) Add(dst, src kernels.Tensor) {
	check.Add(dst, src)
	x := load(dst)
	for i, v := range load(src) {
		x[i] += v
	}
	store(dst, x)
}

// Scale computes t *= s.
func (b *Backend) Scale(t kernels.Tensor, s float32) {
	check.Scale(t)
	x := load(t)
	for i := range x {
		x[i] *= float64(s)
	}
	store(t, x)
}

// Embedding computes y[t] = table[ids[t]].
func (b *Backend) Embedding(y, table, ids kernels.Tensor) {
	check.Embedding(y, table, ids)
	id, out := ints(ids), make([]float64, y.Len())
	check.Indices("Embedding", "token", id, table.Dim(0))
	embedding.Reference(out, load(table), id, table.Dim(1))
	store(y, out)
}

// EmbeddingGrad computes dTable[ids[t]] += dy[t].
func (b *Backend) EmbeddingGrad(dTable, dy, ids kernels.Tensor) {
	check.EmbeddingGrad(dTable, dy, ids)
	id, sum := ints(ids), load(dTable)
	check.Indices("EmbeddingGrad", "token", id, dTable.Dim(0))
	embedding.ReferenceGrad(sum, load(dy), id, dTable.Dim(1))
	store(dTable, sum)
}

// RMSNorm computes y and rstd.
func (b *Backend) RMSNorm(y, rstd, x, w kernels.Tensor, eps float32) {
	check.RMSNorm(y, rstd, x, w)
	out, r := make([]float64, y.Len()), make([]float64, rstd.Len())
	rmsnorm.Reference(out, r, load(x), load(w), float64(eps))
	store(y, out)
	store(rstd, r)
}

// RMSNormGrad computes dx += and dw +=.
func (b *Backend) RMSNormGrad(dx, dw, dy, x, w, rstd kernels.Tensor) {
	check.RMSNormGrad(dx, dw, dy, x, w, rstd)
	sumX, sumW := load(dx), load(dw)
	rmsnorm.ReferenceGrad(sumX, sumW, load(dy), load(x), load(w), load(rstd))
	store(dx, sumX)
	store(dw, sumW)
}

// RoPE rotates x.
func (b *Backend) RoPE(x, cos, sin, pos kernels.Tensor, inverse bool) {
	check.RoPE(x, cos, sin, pos)
	p, v := ints(pos), load(x)
	check.Indices("RoPE", "position", p, cos.Dim(0))
	rope.Reference(v, load(cos), load(sin), p, x.Dim(1), x.Dim(2), inverse)
	store(x, v)
}

// operand returns a linear layer's values.
func operand(l kernels.Linear) linear.Operand {
	d, ok := l.W.(kernels.Dense)
	if !ok {
		panic(fmt.Sprintf("reference: weights of type %T, which this backend does not know", l.W))
	}
	o := linear.Operand{
		In: d.In(), Out: d.Out(), W: load(d.Tensor), A: load(l.A), B: load(l.B),
		Scale: float64(l.Scale), Dropout: l.Dropout, Seed: l.Seed,
	}
	if o.A != nil {
		o.Rank = l.A.Dim(0)
	}
	return o
}

// Linear computes y and u.
func (b *Backend) Linear(y, x kernels.Tensor, l kernels.Linear, u kernels.Tensor, accumulate bool) {
	check.Linear(y, x, l, u)
	out, low := load(y), make([]float64, u.Len())
	linear.Reference(out, low, load(x), operand(l), accumulate)
	store(y, out)
	store(u, low)
}

// LinearGrad computes dx += and the wanted members of g, each +=.
func (b *Backend) LinearGrad(dx kernels.Tensor, g kernels.LinearGrad, dy, x kernels.Tensor,
	l kernels.Linear, u kernels.Tensor) {
	check.LinearGrad(dx, g, dy, x, l, u)
	sums := linear.Gradients{DX: load(dx), DW: load(g.DW), DA: load(g.DA), DB: load(g.DB)}
	linear.ReferenceGrad(sums, load(dy), load(x), load(u), operand(l))
	store(dx, sums.DX)
	store(g.DW, sums.DW)
	store(g.DA, sums.DA)
	store(g.DB, sums.DB)
}

func shape(q, k kernels.Tensor) attention.Shape {
	return attention.Shape{
		Queries: q.Dim(0), Keys: k.Dim(0), Heads: q.Dim(1), KVHeads: k.Dim(1), HeadDim: q.Dim(2),
	}
}

// Attention computes o and lse.
func (b *Backend) Attention(o, lse, q, k, v kernels.Tensor, s kernels.Segments, scale float32) {
	check.Attention(o, lse, q, k, v, s)
	out, sum := make([]float64, o.Len()), make([]float64, lse.Len())
	attention.Reference(out, sum, load(q), load(k), load(v), shape(q, k), s, float64(scale))
	store(o, out)
	store(lse, sum)
}

// AttentionGrad overwrites dq, dk and dv. It does not need o and lse.
func (b *Backend) AttentionGrad(dq, dk, dv, do, o, lse, q, k, v kernels.Tensor, s kernels.Segments,
	scale float32) {
	check.AttentionGrad(dq, dk, dv, do, o, lse, q, k, v, s)
	gq, gk, gv := make([]float64, q.Len()), make([]float64, k.Len()), make([]float64, v.Len())
	attention.ReferenceGrad(gq, gk, gv, load(do), load(q), load(k), load(v), shape(q, k), s,
		float64(scale))
	store(dq, gq)
	store(dk, gk)
	store(dv, gv)
}

// SwiGLU computes y = silu(gate)·up.
func (b *Backend) SwiGLU(y, gate, up kernels.Tensor) {
	check.SwiGLU(y, gate, up)
	out := make([]float64, y.Len())
	swiglu.Reference(out, load(gate), load(up))
	store(y, out)
}

// SwiGLUGrad overwrites dgate and dup.
func (b *Backend) SwiGLUGrad(dgate, dup, dy, gate, up kernels.Tensor) {
	check.SwiGLUGrad(dgate, dup, dy, gate, up)
	g, u := load(gate), load(up)
	swiglu.ReferenceGrad(g, u, load(dy), g, u)
	store(dgate, g)
	store(dup, u)
}

// CrossEntropy computes losses and, if dh is present, gradients.
func (b *Backend) CrossEntropy(losses, dh, dw, h kernels.Tensor, l kernels.Linear,
	targets, weights kernels.Tensor, scale float32) {
	check.CrossEntropy(losses, dh, dw, h, l, targets, weights)
	head, target := operand(l), ints(targets)
	check.Targets(target, head.Out)
	out, gh, gw := make([]float64, losses.Len()), load(dh), load(dw)
	crossentropy.Reference(out, gh, gw, load(h), head.W, target, load(weights), float64(scale),
		head.In)
	store(losses, out)
	store(dh, gh)
	store(dw, gw)
}

// SumSquares returns Σ x².
func (b *Backend) SumSquares(ts ...kernels.Tensor) float64 {
	check.SumSquares(ts)
	var all [][]float64
	for _, t := range ts {
		all = append(all, load(t))
	}
	return adamw.ReferenceSumSquares(all...)
}

// AdamW updates p, m and v.
func (b *Backend) AdamW(p, g, m, v kernels.Tensor, s kernels.AdamWStep) {
	check.AdamW(p, g, m, v, s)
	value, mean, square := load(p), load(m), load(v)
	adamw.Reference(value, load(g), mean, square, s)
	store(p, value)
	store(m, mean)
	store(v, square)
}
