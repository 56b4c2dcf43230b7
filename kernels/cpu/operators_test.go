package cpu_test

import (
	"math"

	"longlora/kernels"
)

// operator is a method of the backend on operands of some size.
type operator struct {
	name string
	run  func(x *trial)
}

// operators are all that compute. A tolerance is twice the error of one tier: ulp is the error of
// one rounding, and a sum of n terms errs by n of them relative to its mass.
var operators = []operator{
	{"elementwise", elementwise}, {"conversions", conversions}, {"embedding", embedding},
	{"rmsnorm", rmsnorm}, {"rope", rotation}, {"linear", linear}, {"adapter", adapter},
	{"attention", attention}, {"decoding", decoding}, {"swiglu", swiglu},
	{"crossentropy", crossentropy}, {"adamw", adamw}, {"layernorm", layernorm}, {"bias", bias},
	{"gelu", gelu}, {"softcap", softcap}, {"window", window}, {"boundedloss", boundedLoss},
}

const ulp = 0x1p-24

// elementwise rounds once, so that all tiers agree.
func elementwise(x *trial) {
	y, z := x.normal(1, x.rows, x.width), x.normal(1, x.rows, x.width)
	x.b.Add(y, z)
	x.b.Scale(z, -1.7)
	x.keep("sum", y, 0, 0)
	x.keep("product", z, 0, 0)
	x.b.Zero(y.Slice(0, 0, (x.rows+1)/2))
	x.keep("half cleared", y, 0, 0)
	x.keep("squares", sumSquares(x, x.dense(1, x.rows, x.width), z), 600*2*ulp, 0)
}

// sumSquares returns the sum of a contiguous tensor's squares in z's first element.
func sumSquares(x *trial, t, z kernels.Tensor) kernels.Tensor {
	first := z.Slice(0, 0, 1).Slice(1, 0, 1)
	x.b.Write(first, []float32{float32(x.b.SumSquares(t, t))})
	return first
}

func conversions(x *trial) {
	y, z := x.normal(1, x.rows, x.width), x.empty(x.rows, x.width)
	brain := x.tensor(kernels.BF16, x.gap(), x.rows, x.width)
	again := x.tensor(kernels.BF16, x.gap(), x.rows, x.width)
	x.b.Copy(brain, y)
	x.b.Copy(again, brain)
	x.b.Copy(z, again)
	x.keep("rounded", z, 0, 0)
	values := make([]float32, y.Len())
	x.b.Read(values, y)
	x.b.Write(again, values)
	x.keep("written", again, 0, 0)
	x.b.Copy(z, y)
	x.keep("copied", z, 0, 0)
}

func embedding(x *trial) {
	vocabulary := x.width + 3
	table, sum := x.weight(1, vocabulary, x.width), x.normal(1, vocabulary, x.width)
	ids, y := x.ints(x.rows, 0, vocabulary), x.empty(x.rows, x.width)
	x.b.Embedding(y, table, ids)
	x.keep("y", y, 0, 0)
	x.b.EmbeddingGrad(sum, x.normal(1, x.rows, x.width), ids)
	x.keep("dTable", sum, 0, 0) // additions in one order
}

func rmsnorm(x *trial) {
	in, w := x.normal(1, x.rows, x.width), x.fill(x.tensor(kernels.F32, 0, x.width), 1)
	y, rstd := x.empty(x.rows, x.width), x.tensor(kernels.F32, 0, x.rows)
	x.b.RMSNorm(y, rstd, in, w, 0.01)
	tolerance := 2 * float64(x.width+8) * ulp
	x.keep("y", y, tolerance, 0)
	x.keep("rstd", rstd, tolerance, 0)
	brain := x.fill(x.tensor(kernels.BF16, 0, x.width), 1)
	x.b.RMSNorm(y, rstd, in, brain, 0.01)
	x.keep("y of brain floats", y, tolerance, 0)
	dx, dw := x.normal(1, x.rows, x.width), x.dense(1, x.width)
	x.b.RMSNormGrad(dx, dw, x.normal(1, x.rows, x.width), in, w, rstd)
	x.keep("dx", dx, 4*tolerance, 10) // rstd is at most 10
	x.keep("dw", dw, tolerance+2*float64(x.rows+8)*ulp, float64(x.rows))
	x.b.RMSNormGrad(dx, kernels.Tensor{}, x.normal(1, x.rows, x.width), in, brain, rstd)
	x.keep("dx again", dx, 8*tolerance, 10)
}

func rotation(x *trial) {
	heads, positions := 1+x.rng.Intn(3), x.rows+2
	y := x.normal(1, x.rows, heads*2*x.width).SplitLast(2 * x.width)
	cos, sin := x.normal(1, positions, x.width), x.normal(1, positions, x.width)
	pos := x.ints(x.rows, 0, positions)
	x.b.RoPE(y, cos, sin, pos, false)
	x.keep("turned", y, 6*ulp, 25) // two products of factors of at most 5
	x.b.RoPE(y, cos, sin, pos, true)
	x.keep("turned back", y, 12*ulp, 125)
}

func linear(x *trial) {
	out := 1 + x.rng.Intn(70)
	w, in := x.weight(1, out, x.width), x.normal(1, x.rows, x.width)
	l, none := kernels.Linear{W: kernels.Dense{Tensor: w}}, kernels.Tensor{}
	y, dy := x.empty(x.rows, out), x.normal(1, x.rows, out)
	x.b.Linear(y, in, l, none, false)
	sum := func(n int) (tolerance, mass float64) { return 2 * float64(n+3) * ulp, float64(n + 9) }
	tolerance, mass := sum(x.width)
	x.keep("y", y, tolerance, mass)
	x.b.Linear(y, in, l, none, true)
	x.keep("y twice", y, 2*tolerance, 2*mass)
	dx, dw := x.normal(1, x.rows, x.width), x.normal(1, out, x.width)
	x.b.LinearGrad(dx, kernels.LinearGrad{DW: dw}, dy, in, l, none)
	tolerance, mass = sum(out)
	x.keep("dx", dx, tolerance, mass)
	tolerance, mass = sum(x.rows)
	x.keep("dw", dw, tolerance, mass)
}

func adapter(x *trial) {
	out, rank := 1+x.rng.Intn(40), 1+x.rng.Intn(17)
	l := kernels.Linear{W: kernels.Dense{Tensor: x.weight(1, out, x.width)},
		A: x.normal(1, rank, x.width), B: x.normal(1, out, rank), Scale: 0.5,
		Dropout: 0.25 * float32(x.rng.Intn(2)), Seed: 3}
	g := kernels.LinearGrad{DA: x.normal(1, rank, x.width), DB: x.normal(1, out, rank)}
	in, dy, u := x.normal(1, x.rows, x.width), x.normal(1, x.rows, out), x.empty(x.rows, rank)
	y, dx := x.empty(x.rows, out), x.normal(1, x.rows, x.width)
	x.b.Linear(y, in, l, u, false)
	x.b.LinearGrad(dx, g, dy, in, l, u)
	// Chains of two or three products: masses multiply.
	n := float64(x.width + rank + out + x.rows)
	tolerance := x.rounded(2 * (n + 20) * ulp)
	x.keep("u", u, tolerance, float64(x.width+9))
	x.keep("y", y, tolerance, float64((x.width+9)*(rank+1)))
	x.keep("dx", dx, tolerance, float64((out+9)*(rank+1)))
	x.keep("dA", g.DA, tolerance, float64((out+9)*(x.rows+1)))
	x.keep("dB", g.DB, tolerance, float64((x.width+9)*(x.rows+1)))
}

func attention(x *trial) {
	attentionOf(x, x.rows, x.rng.Intn(2)*x.rng.Intn(40), kernels.Segments{})
}

// decoding has few queries over many keys.
func decoding(x *trial) { attentionOf(x, 1+x.rng.Intn(6), x.rows, kernels.Segments{}) }

func attentionOf(x *trial, queries, offset int, s kernels.Segments) {
	keyHeads, share := 1+x.rng.Intn(2), 1+x.rng.Intn(3)
	heads, keys, d := keyHeads*share, queries+offset, x.width
	shaped := func(t kernels.Tensor) kernels.Tensor { return t.SplitLast(d) }
	q, do := shaped(x.normal(1, queries, heads*d)), shaped(x.normal(1, queries, heads*d))
	k, v := shaped(x.normal(1, keys, keyHeads*d)), shaped(x.normal(1, keys, keyHeads*d))
	o, lse := shaped(x.empty(queries, heads*d)), x.tensor(kernels.F32, x.gap(), heads, queries)
	s.Offset = offset
	for from := 0; from < heads; {
		to := from + 1 + x.rng.Intn(heads-from)
		s.Groups = append(s.Groups, kernels.HeadGroup{From: from, To: to, Bounds: x.bounds(keys)})
		from = to
	}
	scale := float32(1 / math.Sqrt(float64(d)))
	x.b.Attention(o, lse, q, k, v, s, scale)
	// A score errs by d+1 roundings of its mass, about d·scale; a probability by that, relatively.
	score := 2 * float64(d+12) * math.Sqrt(float64(d)) * ulp
	x.keep("o", o, x.rounded(score), 1)
	x.keep("lse", lse, x.rounded(score), 1)
	dq, dk, dv := shaped(x.empty(queries, heads*d)), shaped(x.empty(keys, keyHeads*d)),
		shaped(x.empty(keys, keyHeads*d))
	x.b.AttentionGrad(dq, dk, dv, do, o, lse, q, k, v, s, scale)
	mass := float64(share) * (4 + math.Log(float64(queries))) * math.Sqrt(float64(d))
	x.keep("dq", dq, x.rounded(2*score), mass)
	x.keep("dk", dk, x.rounded(2*score), mass)
	x.keep("dv", dv, x.rounded(2*score), mass)
}

// bounds cut n keys at up to three places.
func (x *trial) bounds(n int) []int32 {
	all := []int32{0}
	for range x.rng.Intn(4) {
		if last := int(all[len(all)-1]); last+1 < n {
			all = append(all, int32(last+1+x.rng.Intn(n-last-1)))
		}
	}
	return append(all, int32(n))
}

func swiglu(x *trial) {
	gate, up := x.normal(4, x.rows, x.width), x.normal(1, x.rows, x.width) // both tails
	dy, y := x.normal(1, x.rows, x.width), x.empty(x.rows, x.width)
	x.b.SwiGLU(y, gate, up)
	x.keep("y", y, 16*ulp, 64)
	dgate, dup := x.empty(x.rows, x.width), x.empty(x.rows, x.width)
	x.b.SwiGLUGrad(dgate, dup, dy, gate, up)
	x.keep("dgate", dgate, 32*ulp, 64)
	x.keep("dup", dup, 16*ulp, 64)
	x.b.SwiGLUGrad(gate, up, dy, gate, up)
	x.keep("dgate in place", gate, 32*ulp, 64)
	x.keep("dup in place", up, 16*ulp, 64)
}

func crossentropy(x *trial) { lossOf(x, 0) }

func lossOf(x *trial, limit float32) {
	vocabulary, d := 1+3*x.width, 1+x.rng.Intn(67)
	h, dh, dw := x.normal(1, x.rows, d), x.empty(x.rows, d), x.normal(1, vocabulary, d)
	scale := float32(2 / math.Sqrt(float64(d)))
	head := kernels.Linear{W: kernels.Dense{Tensor: x.weight(scale, vocabulary, d)}, Cap: limit}
	losses, weights := x.tensor(kernels.F32, 0, x.rows), x.dense(1, x.rows)
	targets := x.ints(x.rows, -1-vocabulary/4, vocabulary) // some have none
	x.b.CrossEntropy(losses, dh, dw, h, head, targets, weights, 0.5)
	score := 2 * float64(d+12) * 2 * math.Sqrt(float64(d)) * ulp
	x.keep("losses", losses, score, 8)
	x.keep("dh", dh, x.rounded(2*score), 1)
	x.keep("dw", dw, x.rounded(2*score), 1+float64(x.rows)/8)
	none := kernels.Tensor{}
	x.b.CrossEntropy(losses, dh, none, h, head, targets, weights, 0.5)
	x.keep("dh alone", dh, x.rounded(2*score), 1)
	x.b.CrossEntropy(losses, none, none, h, head, targets, none, 0.5)
	x.keep("losses alone", losses, score, 8)
}

func adamw(x *trial) {
	p, g := x.dense(1, x.rows, x.width), x.dense(1, x.rows, x.width)
	m, v := x.dense(1, x.rows, x.width), x.dense(1, x.rows, x.width)
	squares := make([]float32, v.Len())
	x.b.Read(squares, v)
	for i, s := range squares {
		squares[i] = s * s
	}
	x.b.Write(v, squares)
	x.b.AdamW(p, g, m, v, kernels.AdamWStep{LR: 0.1, Beta1: 0.9, Beta2: 0.95, Eps: 0.01,
		WeightDecay: 0.1, GradScale: 0.7, Step: 3})
	// The root is at least Eps: a quotient of at most 100 times the moments, by a handful of
	// roundings.
	x.keep("p", p, 32*ulp, 100)
	x.keep("m", m, 8*ulp, 4)
	x.keep("v", v, 8*ulp, 16)
}
