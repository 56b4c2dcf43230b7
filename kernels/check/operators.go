package check

import "longlora/kernels"

// Floats checks operators such as Backend.Write and Read, of n values.
func Floats(name string, t kernels.Tensor, n int) {
	o := operator(name)
	o.float("tensor", t, t.Shape()...)
	if t.Len() != n {
		o.fail("%d values for %v", n, t)
	}
}

// WriteInts checks Backend.WriteInts, of n values.
func WriteInts(t kernels.Tensor, n int) {
	const o = operator("WriteInts")
	o.i32("tensor", t, t.Shape()...)
	if t.Len() != n {
		o.fail("%d values for %v", n, t)
	}
}

// Copy checks Backend.Copy.
func Copy(dst, src kernels.Tensor) {
	const o = operator("Copy")
	o.float("dst", dst, dst.Shape()...)
	o.float("src", src, dst.Shape()...)
}

// Add checks Backend.Add.
func Add(dst, src kernels.Tensor) {
	const o = operator("Add")
	o.float("dst", dst, dst.Shape()...)
	o.float("src", src, dst.Shape()...)
}

// Scale checks Backend.Scale.
func Scale(t kernels.Tensor) { operator("Scale").float("t", t, t.Shape()...) }

// Embedding checks Backend.Embedding.
func Embedding(y, table, ids kernels.Tensor) {
	const o = operator("Embedding")
	o.gather("y", y, "table", table, ids)
}

// EmbeddingGrad checks Backend.EmbeddingGrad.
func EmbeddingGrad(dTable, dy, ids kernels.Tensor) {
	const o = operator("EmbeddingGrad")
	o.gather("dy", dy, "dTable", dTable, ids)
}

func (o operator) gather(rowsName string, rows kernels.Tensor, tableName string,
	table, ids kernels.Tensor) {
	o.rank(tableName, table, 2)
	o.float(tableName, table, table.Shape()...)
	o.rank("ids", ids, 1)
	o.i32("ids", ids, ids.Dim(0))
	o.float(rowsName, rows, ids.Dim(0), table.Dim(1))
}

// RMSNorm checks Backend.RMSNorm.
func RMSNorm(y, rstd, x, w kernels.Tensor) {
	const o = operator("RMSNorm")
	o.rank("x", x, 2)
	n, d := x.Dim(0), x.Dim(1)
	o.float("x", x, n, d)
	o.float("y", y, n, d)
	o.f32("rstd", rstd, n)
	o.float("w", w, d)
}

// RMSNormGrad checks Backend.RMSNormGrad.
func RMSNormGrad(dx, dw, dy, x, w, rstd kernels.Tensor) {
	const o = operator("RMSNormGrad")
	o.rank("x", x, 2)
	n, d := x.Dim(0), x.Dim(1)
	o.float("x", x, n, d)
	o.float("dy", dy, n, d)
	o.f32("rstd", rstd, n)
	o.float("w", w, d)
	o.float("dx", dx, n, d)
	if present(dw) {
		o.f32("dw", dw, d)
	}
}

// LayerNorm checks Backend.LayerNorm.
func LayerNorm(y, mean, rstd, x, w, b kernels.Tensor) {
	const o = operator("LayerNorm")
	o.rank("x", x, 2)
	n, d := x.Dim(0), x.Dim(1)
	o.float("x", x, n, d)
	o.float("y", y, n, d)
	o.f32("mean", mean, n)
	o.f32("rstd", rstd, n)
	o.f32("w", w, d)
	o.f32("b", b, d)
}

// LayerNormGrad checks Backend.LayerNormGrad.
func LayerNormGrad(dx, dw, db, dy, x, w, mean, rstd kernels.Tensor) {
	const o = operator("LayerNormGrad")
	o.rank("x", x, 2)
	n, d := x.Dim(0), x.Dim(1)
	o.float("x", x, n, d)
	o.float("dy", dy, n, d)
	o.f32("mean", mean, n)
	o.f32("rstd", rstd, n)
	o.f32("w", w, d)
	o.float("dx", dx, n, d)
	if present(dw) != present(db) {
		o.fail("dw is %v, db is %v: both are wanted or neither", dw, db)
	}
	if present(dw) {
		o.f32("dw", dw, d)
		o.f32("db", db, d)
	}
}

// RoPE checks Backend.RoPE.
func RoPE(x, cos, sin, pos kernels.Tensor) {
	const o = operator("RoPE")
	o.rank("x", x, 3)
	o.float("x", x, x.Shape()...)
	if x.Dim(2)%2 != 0 {
		o.fail("x is %v, want an even head dimension", x)
	}
	o.rank("cos", cos, 2)
	o.f32("cos", cos, cos.Dim(0), x.Dim(2)/2)
	o.f32("sin", sin, cos.Dim(0), x.Dim(2)/2)
	o.i32("pos", pos, x.Dim(0))
}

// Linear checks Backend.Linear.
func Linear(y, x kernels.Tensor, l kernels.Linear, u kernels.Tensor) {
	const o = operator("Linear")
	o.rank("x", x, 2)
	n := x.Dim(0)
	o.operand(l)
	o.float("x", x, n, l.W.In())
	o.float("y", y, n, l.W.Out())
	if present(l.A) {
		o.f32("u", u, n, l.A.Dim(0))
	}
}

// LinearGrad checks Backend.LinearGrad.
func LinearGrad(dx kernels.Tensor, g kernels.LinearGrad, dy, x kernels.Tensor, l kernels.Linear,
	u kernels.Tensor) {
	const o = operator("LinearGrad")
	o.rank("x", x, 2)
	n := x.Dim(0)
	o.operand(l)
	o.float("x", x, n, l.W.In())
	o.float("dy", dy, n, l.W.Out())
	if present(dx) {
		o.float("dx", dx, n, l.W.In())
	}
	if present(g.DW) {
		o.f32("dW", g.DW, l.W.Out(), l.W.In())
	}
	if !present(l.A) {
		return
	}
	o.f32("u", u, n, l.A.Dim(0))
	if present(g.DA) {
		o.f32("dA", g.DA, l.A.Shape()...)
	}
	if present(g.DB) {
		o.f32("dB", g.DB, l.B.Shape()...)
	}
	if present(l.Magnitude) && present(g.DW) {
		o.fail("dW of a layer with DoRA")
	}
	if present(g.DMagnitude) {
		o.f32("dMagnitude", g.DMagnitude, l.W.Out())
	}
}

// AdapterNorms checks Backend.AdapterNorms.
func AdapterNorms(norms kernels.Tensor, l kernels.Linear) {
	const o = operator("AdapterNorms")
	o.operand(l)
	o.f32("norms", norms, l.W.Out())
}

// LogitLoss checks Backend.LogitLoss.
func LogitLoss(losses, logits, targets, weights kernels.Tensor) {
	const o = operator("LogitLoss")
	o.rank("logits", logits, 2)
	n := logits.Dim(0)
	o.f32("logits", logits, n, logits.Dim(1))
	o.f32("losses", losses, n)
	o.i32("targets", targets, n)
	if present(weights) {
		o.f32("weights", weights, n)
	}
}

// AddBias checks Backend.AddBias.
func AddBias(y, b kernels.Tensor) {
	const o = operator("AddBias")
	o.rank("y", y, 2)
	o.float("y", y, y.Shape()...)
	o.f32("b", b, y.Dim(1))
}

// BiasGrad checks Backend.BiasGrad.
func BiasGrad(db, dy kernels.Tensor) {
	const o = operator("BiasGrad")
	o.rank("dy", dy, 2)
	o.float("dy", dy, dy.Shape()...)
	o.f32("db", db, dy.Dim(1))
}

// operand checks a linear layer.
func (o operator) operand(l kernels.Linear) {
	if d, ok := l.W.(kernels.Dense); ok {
		o.rank("W", d.Tensor, 2)
		o.float("W", d.Tensor, d.Shape()...)
	}
	if present(l.A) != present(l.B) {
		o.fail("A is %v, B is %v: an adapter has both", l.A, l.B)
	}
	if present(l.Magnitude) != present(l.Norm) || present(l.Magnitude) && !present(l.A) {
		o.fail("A is %v, Magnitude is %v, Norm is %v: DoRA has all", l.A, l.Magnitude, l.Norm)
	}
	if !present(l.A) {
		return
	}
	if present(l.Magnitude) {
		o.f32("Magnitude", l.Magnitude, l.W.Out())
		o.f32("Norm", l.Norm, l.W.Out())
	}
	o.rank("A", l.A, 2)
	o.f32("A", l.A, l.A.Dim(0), l.W.In())
	o.f32("B", l.B, l.W.Out(), l.A.Dim(0))
	if !(l.Dropout >= 0 && l.Dropout < 1) {
		o.fail("dropout is %g, want it in [0, 1)", l.Dropout)
	}
}

// Attention checks Backend.Attention.
func Attention(out, lse, q, k, v kernels.Tensor, s kernels.Segments) {
	const o = operator("Attention")
	o.heads(q, k, v, s)
	o.float("o", out, q.Shape()...)
	o.f32("lse", lse, q.Dim(1), q.Dim(0))
}

// AttentionGrad checks Backend.AttentionGrad.
func AttentionGrad(dq, dk, dv, do, out, lse, q, k, v kernels.Tensor, s kernels.Segments) {
	const o = operator("AttentionGrad")
	o.heads(q, k, v, s)
	o.float("dq", dq, q.Shape()...)
	o.float("do", do, q.Shape()...)
	o.float("o", out, q.Shape()...)
	o.f32("lse", lse, q.Dim(1), q.Dim(0))
	o.float("dk", dk, k.Shape()...)
	o.float("dv", dv, k.Shape()...)
}

func (o operator) heads(q, k, v kernels.Tensor, s kernels.Segments) {
	o.rank("q", q, 3)
	o.float("q", q, q.Shape()...)
	o.rank("k", k, 3)
	o.float("k", k, k.Dim(0), k.Dim(1), q.Dim(2))
	o.float("v", v, k.Shape()...)
	if k.Dim(1) == 0 || q.Dim(1)%k.Dim(1) != 0 {
		o.fail("%d query heads are no multiple of %d key heads", q.Dim(1), k.Dim(1))
	}
	o.segments(s, q.Dim(0), q.Dim(1), k.Dim(0))
}

// segments wants head groups that cover all heads in order, and bounds that rise from 0 to keys.
func (o operator) segments(s kernels.Segments, queries, heads, keys int) {
	if s.Window < 0 || !(s.Cap >= 0) {
		o.fail("window is %d and cap %g, want neither below 0", s.Window, s.Cap)
	}
	if s.Offset < 0 || s.Offset+queries > keys {
		o.fail("%d queries after %d keys, but %d keys", queries, s.Offset, keys)
	}
	head := 0
	for _, g := range s.Groups {
		if g.From != head || g.To <= g.From {
			o.fail("head group [%d, %d) follows head %d", g.From, g.To, head)
		}
		head = g.To
		last := len(g.Bounds) - 1
		if last < 0 || g.Bounds[0] != 0 || int(g.Bounds[last]) != keys {
			o.fail("bounds of heads [%d, %d) do not run from 0 to %d", g.From, g.To, keys)
		}
		for n := range last {
			if g.Bounds[n] >= g.Bounds[n+1] {
				o.fail("bound %d is %d, then %d", n, g.Bounds[n], g.Bounds[n+1])
			}
		}
	}
	if head != heads {
		o.fail("head groups cover %d heads of %d", head, heads)
	}
}

// SwiGLU checks Backend.SwiGLU.
func SwiGLU(y, gate, up kernels.Tensor) {
	const o = operator("SwiGLU")
	o.rank("y", y, 2)
	for _, t := range []kernels.Tensor{y, gate, up} {
		o.float("an operand", t, y.Shape()...)
	}
}

// SwiGLUGrad checks Backend.SwiGLUGrad.
func SwiGLUGrad(dgate, dup, dy, gate, up kernels.Tensor) {
	const o = operator("SwiGLUGrad")
	o.rank("dy", dy, 2)
	for _, t := range []kernels.Tensor{dgate, dup, dy, gate, up} {
		o.float("an operand", t, dy.Shape()...)
	}
}

// GELU checks Backend.GELU.
func GELU(y, x, up kernels.Tensor) {
	const o = operator("GELU")
	o.rank("y", y, 2)
	o.float("y", y, y.Shape()...)
	o.float("x", x, y.Shape()...)
	if present(up) {
		o.float("up", up, y.Shape()...)
	}
}

// GELUGrad checks Backend.GELUGrad.
func GELUGrad(dx, dup, dy, x, up kernels.Tensor) {
	const o = operator("GELUGrad")
	o.rank("dy", dy, 2)
	for _, t := range []kernels.Tensor{dx, dy, x} {
		o.float("an operand", t, dy.Shape()...)
	}
	if present(up) != present(dup) {
		o.fail("up is %v, dup is %v: both are there or neither", up, dup)
	}
	if present(up) {
		o.float("up", up, dy.Shape()...)
		o.float("dup", dup, dy.Shape()...)
	}
}

// SoftCap checks Backend.SoftCap.
func SoftCap(y kernels.Tensor, limit float32) {
	const o = operator("SoftCap")
	o.rank("y", y, 2)
	o.float("y", y, y.Shape()...)
	if !(limit > 0) {
		o.fail("cap is %g, want more than 0", limit)
	}
}

// CrossEntropy checks Backend.CrossEntropy.
func CrossEntropy(losses, dh, dw, h kernels.Tensor, l kernels.Linear,
	targets, weights kernels.Tensor) {
	const o = operator("CrossEntropy")
	o.rank("h", h, 2)
	n := h.Dim(0)
	o.operand(l)
	if present(l.A) {
		o.fail("the head has an adapter")
	}
	if !(l.Cap >= 0) {
		o.fail("cap is %g, want it not below 0", l.Cap)
	}
	o.float("h", h, n, l.W.In())
	o.f32("losses", losses, n)
	o.i32("targets", targets, n)
	if present(dh) {
		o.float("dh", dh, h.Shape()...)
		o.f32("weights", weights, n)
	}
	if present(dw) {
		if !present(dh) {
			o.fail("dw is wanted without dh")
		}
		o.f32("dw", dw, l.W.Out(), l.W.In())
	}
}

// AdamW checks Backend.AdamW.
func AdamW(p, g, m, v kernels.Tensor, s kernels.AdamWStep) {
	const o = operator("AdamW")
	for _, t := range []kernels.Tensor{p, g, m, v} {
		o.f32("an operand", t, p.Shape()...)
	}
	if s.Step < 1 {
		o.fail("step is %d, want at least 1", s.Step)
	}
}

// SumSquares checks Backend.SumSquares.
func SumSquares(ts []kernels.Tensor) {
	for _, t := range ts {
		operator("SumSquares").f32("an operand", t, t.Shape()...)
	}
}
