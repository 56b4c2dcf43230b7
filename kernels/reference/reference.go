package reference

import (
	"fmt"

	"longlora/kernels"
	"longlora/kernels/adamw"
	"longlora/kernels/attention"
	"longlora/kernels/bias"
	"longlora/kernels/check"
	"longlora/kernels/crossentropy"
	"longlora/kernels/embedding"
	"longlora/kernels/gelu"
	"longlora/kernels/layernorm"
	"longlora/kernels/linear"
	"longlora/kernels/llmint8"
	"longlora/kernels/nf4"
	"longlora/kernels/rmsnorm"
	"longlora/kernels/rope"
	"longlora/kernels/softcap"
	"longlora/kernels/swiglu"
)

// Backend is the reference: Of in float64.
type Backend = Of[float64]

// Of is a backend whose elements and arithmetic are F. It runs operators at once, on one thread.
type Of[F float32 | float64] struct{}

var (
	_ kernels.Backend = (*Of[float64])(nil)
	_ kernels.Backend = (*Of[float32])(nil)
)

// New returns the reference.
func New() *Backend { return &Backend{} }

// Naive returns the same formulas in float32. Another backend in float32 should err by no more than
// twice as much.
func Naive() *Of[float32] { return &Of[float32]{} }

// Name returns "reference/float64" or "reference/float32".
func (b *Of[F]) Name() string { return fmt.Sprintf("reference/%T", F(0)) }

// Sync returns nil: nothing is queued, and nothing can fail.
func (b *Of[F]) Sync() error { return nil }

// Close does nothing.
func (b *Of[F]) Close() error { return nil }

// Write fills dst from src.
func (b *Of[F]) Write(dst kernels.Tensor, src []float32) {
	check.Floats("Write", dst, len(src))
	store(dst, convert[F](src))
}

// WriteFloat64 is Write of float64s, which an F32 tensor of the reference holds as they are.
func (b *Of[F]) WriteFloat64(dst kernels.Tensor, src []float64) {
	check.Floats("WriteFloat64", dst, len(src))
	store(dst, convert[F](src))
}

// WriteInts fills dst from src.
func (b *Of[F]) WriteInts(dst kernels.Tensor, src []int32) {
	check.WriteInts(dst, len(src))
	x := make([]float64, len(src))
	for i, v := range src {
		x[i] = float64(v)
	}
	store(dst, x)
}

// Read copies src to dst, rounded to float32.
func (b *Of[F]) Read(dst []float32, src kernels.Tensor) {
	check.Floats("Read", src, len(dst))
	copy(dst, convert[float32](load[F](src)))
}

// ReadFloat64 returns a copy of src, not rounded.
func (b *Of[F]) ReadFloat64(src kernels.Tensor) []float64 {
	check.Floats("ReadFloat64", src, src.Len())
	return convert[float64](load[F](src))
}

// Zero clears t.
func (b *Of[F]) Zero(t kernels.Tensor) { store(t, make([]F, t.Len())) }

// Copy copies src to dst.
func (b *Of[F]) Copy(dst, src kernels.Tensor) {
	check.Copy(dst, src)
	store(dst, load[F](src))
}

// Add computes dst += src.
func (b *Of[F]) Add(dst, src kernels.Tensor) {
	check.Add(dst, src)
	x := load[F](dst)
	for i, v := range load[F](src) {
		x[i] += v
	}
	store(dst, x)
}

// Scale computes t *= s.
func (b *Of[F]) Scale(t kernels.Tensor, s float32) {
	check.Scale(t)
	x := load[F](t)
	for i := range x {
		x[i] *= F(s)
	}
	store(t, x)
}

// Embedding computes y[t] = table[ids[t]].
func (b *Of[F]) Embedding(y, table, ids kernels.Tensor) {
	check.Embedding(y, table, ids)
	id, out := ints(ids), make([]F, y.Len())
	check.Indices("Embedding", "token", id, table.Dim(0))
	embedding.Reference(out, load[F](table), id, table.Dim(1))
	store(y, out)
}

// EmbeddingGrad computes dTable[ids[t]] += dy[t].
func (b *Of[F]) EmbeddingGrad(dTable, dy, ids kernels.Tensor) {
	check.EmbeddingGrad(dTable, dy, ids)
	id, sum := ints(ids), load[F](dTable)
	check.Indices("EmbeddingGrad", "token", id, dTable.Dim(0))
	embedding.ReferenceGrad(sum, load[F](dy), id, dTable.Dim(1))
	store(dTable, sum)
}

// RMSNorm computes y and rstd.
func (b *Of[F]) RMSNorm(y, rstd, x, w kernels.Tensor, eps float32) {
	check.RMSNorm(y, rstd, x, w)
	out, r := make([]F, y.Len()), make([]F, rstd.Len())
	rmsnorm.Reference(out, r, load[F](x), load[F](w), F(eps))
	store(y, out)
	store(rstd, r)
}

// RMSNormGrad computes dx += and dw +=.
func (b *Of[F]) RMSNormGrad(dx, dw, dy, x, w, rstd kernels.Tensor) {
	check.RMSNormGrad(dx, dw, dy, x, w, rstd)
	sumX, sumW := load[F](dx), load[F](dw)
	rmsnorm.ReferenceGrad(sumX, sumW, load[F](dy), load[F](x), load[F](w), load[F](rstd))
	store(dx, sumX)
	store(dw, sumW)
}

// LayerNorm computes y, mean and rstd.
func (b *Of[F]) LayerNorm(y, mean, rstd, x, w, shift kernels.Tensor, eps float32) {
	check.LayerNorm(y, mean, rstd, x, w, shift)
	out, m, r := make([]F, y.Len()), make([]F, mean.Len()), make([]F, rstd.Len())
	layernorm.Reference(out, m, r, load[F](x), load[F](w), load[F](shift), F(eps))
	store(y, out)
	store(mean, m)
	store(rstd, r)
}

// LayerNormGrad computes dx +=, dw += and db +=.
func (b *Of[F]) LayerNormGrad(dx, dw, db, dy, x, w, mean, rstd kernels.Tensor) {
	check.LayerNormGrad(dx, dw, db, dy, x, w, mean, rstd)
	sumX, sumW, sumB := load[F](dx), load[F](dw), load[F](db)
	layernorm.ReferenceGrad(sumX, sumW, sumB, load[F](dy), load[F](x), load[F](w), load[F](mean),
		load[F](rstd))
	store(dx, sumX)
	store(dw, sumW)
	store(db, sumB)
}

// RoPE rotates x.
func (b *Of[F]) RoPE(x, cos, sin, pos kernels.Tensor, inverse bool) {
	check.RoPE(x, cos, sin, pos)
	p, v := ints(pos), load[F](x)
	check.Indices("RoPE", "position", p, cos.Dim(0))
	rope.Reference(v, load[F](cos), load[F](sin), p, x.Dim(1), x.Dim(2), inverse)
	store(x, v)
}

// matrix returns a weight's values.
func matrix[F float32 | float64](w kernels.Weight) []F {
	switch w := w.(type) {
	case kernels.Dense:
		return load[F](w.Tensor)
	case *nf4.Weight:
		return convert[F](w.Read(ints, load[float32]).Values())
	case *llmint8.Weight:
		return convert[F](w.Read(ints, load[float32]).Values())
	}
	panic(fmt.Sprintf("reference: weights of type %T, which this backend does not know", w))
}

// operand returns a linear layer's values.
func operand[F float32 | float64](l kernels.Linear) linear.OperandOf[F] {
	o := linear.OperandOf[F]{
		In: l.W.In(), Out: l.W.Out(), W: matrix[F](l.W), A: load[F](l.A), B: load[F](l.B),
		Scale: F(l.Scale), Dropout: l.Dropout, Seed: l.Seed,
		Magnitude: load[F](l.Magnitude), Norm: load[F](l.Norm),
	}
	if o.A != nil {
		o.Rank = l.A.Dim(0)
	}
	return o
}

// Linear computes y and u.
func (b *Of[F]) Linear(y, x kernels.Tensor, l kernels.Linear, u kernels.Tensor, accumulate bool) {
	check.Linear(y, x, l, u)
	out, low := load[F](y), make([]F, u.Len())
	linear.Reference(out, low, load[F](x), operand[F](l), accumulate)
	store(y, out)
	store(u, low)
}

// LinearGrad computes dx += and the wanted members of g, each +=.
func (b *Of[F]) LinearGrad(dx kernels.Tensor, g kernels.LinearGrad, dy, x kernels.Tensor,
	l kernels.Linear, u kernels.Tensor) {
	check.LinearGrad(dx, g, dy, x, l, u)
	sums := linear.GradientsOf[F]{DX: load[F](dx), DW: load[F](g.DW), DA: load[F](g.DA), DB: load[F](g.DB),
		DMagnitude: load[F](g.DMagnitude)}
	linear.ReferenceGrad(sums, load[F](dy), load[F](x), load[F](u), operand[F](l))
	store(dx, sums.DX)
	store(g.DW, sums.DW)
	store(g.DA, sums.DA)
	store(g.DB, sums.DB)
	store(g.DMagnitude, sums.DMagnitude)
}

// AdapterNorms computes norms.
func (b *Of[F]) AdapterNorms(norms kernels.Tensor, l kernels.Linear) {
	check.AdapterNorms(norms, l)
	out := make([]F, norms.Len())
	linear.ReferenceNorms(out, operand[F](l))
	store(norms, out)
}

// AddBias computes y[t] += v.
func (b *Of[F]) AddBias(y, v kernels.Tensor) {
	check.AddBias(y, v)
	out := load[F](y)
	bias.Reference(out, load[F](v))
	store(y, out)
}

// BiasGrad computes db += Σ dy[t].
func (b *Of[F]) BiasGrad(db, dy kernels.Tensor) {
	check.BiasGrad(db, dy)
	sum := load[F](db)
	bias.ReferenceGrad(sum, load[F](dy))
	store(db, sum)
}

func shape(q, k kernels.Tensor) attention.Shape {
	return attention.Shape{
		Queries: q.Dim(0), Keys: k.Dim(0), Heads: q.Dim(1), KVHeads: k.Dim(1), HeadDim: q.Dim(2),
	}
}

// Attention computes o and lse.
func (b *Of[F]) Attention(o, lse, q, k, v kernels.Tensor, s kernels.Segments, scale float32) {
	check.Attention(o, lse, q, k, v, s)
	out, sum := make([]F, o.Len()), make([]F, lse.Len())
	attention.Reference(out, sum, load[F](q), load[F](k), load[F](v), shape(q, k), s, F(scale))
	store(o, out)
	store(lse, sum)
}

// AttentionGrad overwrites dq, dk and dv. It does not need o and lse.
func (b *Of[F]) AttentionGrad(dq, dk, dv, do, o, lse, q, k, v kernels.Tensor, s kernels.Segments,
	scale float32) {
	check.AttentionGrad(dq, dk, dv, do, o, lse, q, k, v, s)
	gq, gk, gv := make([]F, q.Len()), make([]F, k.Len()), make([]F, v.Len())
	attention.ReferenceGrad(gq, gk, gv, load[F](do), load[F](q), load[F](k), load[F](v), shape(q, k), s,
		F(scale))
	store(dq, gq)
	store(dk, gk)
	store(dv, gv)
}

// SwiGLU computes y = silu(gate)·up.
func (b *Of[F]) SwiGLU(y, gate, up kernels.Tensor) {
	check.SwiGLU(y, gate, up)
	out := make([]F, y.Len())
	swiglu.Reference(out, load[F](gate), load[F](up))
	store(y, out)
}

// SwiGLUGrad overwrites dgate and dup.
func (b *Of[F]) SwiGLUGrad(dgate, dup, dy, gate, up kernels.Tensor) {
	check.SwiGLUGrad(dgate, dup, dy, gate, up)
	g, u := load[F](gate), load[F](up)
	swiglu.ReferenceGrad(g, u, load[F](dy), g, u)
	store(dgate, g)
	store(dup, u)
}

// GELU computes y = gelu(x)·up.
func (b *Of[F]) GELU(y, x, up kernels.Tensor, form kernels.GELU) {
	check.GELU(y, x, up)
	out := make([]F, y.Len())
	gelu.Reference(out, load[F](x), load[F](up), form)
	store(y, out)
}

// GELUGrad overwrites dx and dup.
func (b *Of[F]) GELUGrad(dx, dup, dy, x, up kernels.Tensor, form kernels.GELU) {
	check.GELUGrad(dx, dup, dy, x, up)
	v, u := load[F](x), load[F](up)
	gelu.ReferenceGrad(v, u, load[F](dy), v, u, form)
	store(dx, v)
	store(dup, u)
}

// SoftCap computes y = limit·tanh(y/limit).
func (b *Of[F]) SoftCap(y kernels.Tensor, limit float32) {
	check.SoftCap(y, limit)
	out := load[F](y)
	softcap.Reference(out, F(limit))
	store(y, out)
}

// CrossEntropy computes losses and, if dh is present, gradients.
func (b *Of[F]) CrossEntropy(losses, dh, dw, h kernels.Tensor, l kernels.Linear,
	targets, weights kernels.Tensor, scale float32) {
	check.CrossEntropy(losses, dh, dw, h, l, targets, weights)
	head, target := operand[F](l), ints(targets)
	check.Targets("CrossEntropy", target, head.Out)
	out, gh, gw := make([]F, losses.Len()), load[F](dh), load[F](dw)
	crossentropy.Reference(out, gh, gw, load[F](h), head.W, target, load[F](weights), F(scale),
		F(l.Cap), head.In)
	store(losses, out)
	store(dh, gh)
	store(dw, gw)
}

// LogitLoss computes losses and, if weights is present, the logits' gradient in their place.
func (b *Of[F]) LogitLoss(losses, logits, targets, weights kernels.Tensor, scale float32) {
	check.LogitLoss(losses, logits, targets, weights)
	target, z := ints(targets), load[F](logits)
	check.Targets("LogitLoss", target, logits.Dim(1))
	out := make([]F, losses.Len())
	crossentropy.ReferenceLogits(out, z, load[F](weights), target, F(scale))
	store(losses, out)
	if !weights.IsZero() {
		store(logits, z)
	}
}

// SumSquares returns Σ x².
func (b *Of[F]) SumSquares(ts ...kernels.Tensor) float64 {
	check.SumSquares(ts)
	var all [][]F
	for _, t := range ts {
		all = append(all, load[F](t))
	}
	return float64(adamw.ReferenceSumSquares(all...))
}

// AdamW updates p, m and v.
func (b *Of[F]) AdamW(p, g, m, v kernels.Tensor, s kernels.AdamWStep) {
	check.AdamW(p, g, m, v, s)
	value, mean, square := load[F](p), load[F](m), load[F](v)
	adamw.Reference(value, load[F](g), mean, square, s)
	store(p, value)
	store(m, mean)
	store(v, square)
}
