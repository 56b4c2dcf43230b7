package conform

import (
	"fmt"
	"math"

	"longlora/kernels"
	"longlora/kernels/pattern"
)

// scenario runs some of a backend's methods.
type scenario struct {
	name string
	run  func(*side)
}

// scenarios covers every method that computes.
func scenarios() []scenario {
	return []scenario{
		{"elementwise", elementwise}, {"embedding", embeddings}, {"rmsnorm", norms},
		{"rope", rotations}, {"linear", linears}, {"adapter", adapters}, {"dora", magnitudes}, {"swiglu", gates},
		{"attention", attentions}, {"decoding", decoding}, {"crossentropy", losses}, {"logits", logits},
		{"adamw", updates},
		{"layernorm", layerNorms}, {"bias", biases}, {"gelu", gelus}, {"softcap", caps},
		{"window", windows}, {"bounded loss", boundedLosses},
	}
}

func elementwise(s *side) {
	x, y := s.gapped(s.rows, s.width), s.normal(s.rows, s.width)
	brain := s.brain(s.rows, s.width)
	s.keep("written brain floats", brain)
	s.b.Add(y, x)
	s.b.Scale(x, -1.7)
	s.keep("sum", y)
	s.keep("product", x)
	s.b.Copy(brain, x)
	s.keep("rounded copy", brain)
	s.b.Copy(y, brain)
	s.keep("widened copy", y)
	s.b.Copy(x, y)
	s.b.Zero(x.Slice(0, s.rows/2, s.rows))
	s.keep("cleared half", x)
}

func embeddings(s *side) {
	vocabulary := s.width + 2
	ids, dy := s.ints(s.rows, vocabulary), s.gapped(s.rows, s.width)
	y, sum := s.gapped(s.rows, s.width), s.normal(vocabulary, s.width)
	s.b.Embedding(y, sum, ids)
	s.keep("y", y)
	s.b.Embedding(y, s.brain(vocabulary, s.width), ids)
	s.keep("y of brain floats", y)
	s.b.EmbeddingGrad(sum, dy, ids)
	s.keep("dTable", sum)
}

func norms(s *side) {
	x, dy := s.gapped(s.rows, s.width), s.normal(s.rows, s.width)
	y, rstd := s.gapped(s.rows, s.width), s.normal(s.rows)
	dx, dw := s.gapped(s.rows, s.width), s.normal(s.width)
	w := s.normal(s.width)
	s.b.RMSNorm(y, rstd, x, w, 1e-5)
	s.keep("y", y)
	s.keep("rstd", rstd)
	s.b.RMSNormGrad(dx, dw, dy, x, w, rstd)
	s.keep("dx", dx)
	s.keep("dw", dw)
	s.b.RMSNormGrad(dx, kernels.Tensor{}, dy, x, w, rstd)
	s.keep("dx again", dx)
	w = s.brain(s.width)
	s.b.RMSNorm(y, rstd, x, w, 0.1)
	s.keep("y of brain floats", y)
}

func rotations(s *side) {
	const heads, positions = 3, 9
	x := s.gapped(s.rows, heads*2*s.width).SplitLast(2 * s.width)
	cos, sin := s.normal(positions, s.width), s.normal(positions, s.width)
	pos := s.ints(s.rows, positions)
	s.b.RoPE(x, cos, sin, pos, false)
	s.keep("y", x)
	s.b.RoPE(x, cos, sin, pos, true)
	s.keep("turned back", x)
}

func linears(s *side) {
	out := 2*s.width + 1
	x, dy := s.gapped(s.rows, s.width), s.gapped(s.rows, out)
	y, dx, dw := s.gapped(s.rows, out), s.gapped(s.rows, s.width), s.normal(out, s.width)
	none := kernels.Tensor{}
	for _, w := range []kernels.Tensor{s.normal(out, s.width), s.brain(out, s.width)} {
		l, name := kernels.Linear{W: kernels.Dense{Tensor: w}}, " of "+w.DType().String()
		s.b.Zero(dx)
		s.b.Zero(dw)
		s.b.Linear(y, x, l, none, false)
		s.keep("y"+name, y)
		s.b.Linear(y, x, l, none, true)
		s.keep("y twice"+name, y)
		s.b.LinearGrad(dx, kernels.LinearGrad{DW: dw}, dy, x, l, none)
		s.keep("dx"+name, dx)
		s.keep("dw"+name, dw)
	}
}

func adapters(s *side) {
	const rank = 3
	out := s.width + 5
	l := kernels.Linear{
		W: kernels.Dense{Tensor: s.normal(out, s.width)}, A: s.normal(rank, s.width),
		B: s.normal(out, rank), Scale: 0.7,
	}
	g := kernels.LinearGrad{DA: s.normal(rank, s.width), DB: s.normal(out, rank)}
	x, dy, u := s.gapped(s.rows, s.width), s.normal(s.rows, out), s.normal(s.rows, rank)
	y, dx := s.normal(s.rows, out), s.normal(s.rows, s.width)
	for _, drop := range []struct {
		name        string
		probability float32
	}{{"", 0}, {" after dropout", 0.3}} {
		l.Dropout, l.Seed = drop.probability, 5
		s.b.Linear(y, x, l, u, false)
		s.b.LinearGrad(dx, g, dy, x, l, u)
		s.keep("u"+drop.name, u)
		s.keep("y"+drop.name, y)
		s.keep("dx"+drop.name, dx)
		s.keep("dA"+drop.name, g.DA)
		s.keep("dB"+drop.name, g.DB)
	}
}

func gates(s *side) {
	gate, up := s.gapped(s.rows, s.width), s.normal(s.rows, s.width)
	y, dy := s.normal(s.rows, s.width), s.gapped(s.rows, s.width)
	s.b.Scale(gate, 3) // both tails of the sigmoid
	s.b.SwiGLU(y, gate, up)
	s.keep("y", y)
	s.b.SwiGLUGrad(gate, up, dy, gate, up)
	s.keep("dgate", gate)
	s.keep("dup", up)
}

// attentions lays two documents, if there is room, under every pattern, with shared and unshared
// key heads.
func attentions(s *side) {
	const heads = 4
	l := pattern.Layout{DocLens: []int32{int32(s.rows)}, Heads: heads, Group: 1 + s.rows/4}
	if first := int32(2 * s.rows / 3); first > 0 {
		l.DocLens = []int32{first, int32(s.rows) - first}
	}
	for _, e := range pattern.Table() {
		for _, keyHeads := range []int{1, 2, 4} {
			name := fmt.Sprintf("%s, %d key heads: ", e.Name, keyHeads)
			s.attend(name, heads, keyHeads, e.Pattern(l))
		}
	}
}

func (s *side) attend(name string, heads, keyHeads int, segments kernels.Segments) {
	const scale = 0.4
	q, do := s.gapped(s.rows, heads*s.width).SplitLast(s.width), s.normal(s.rows, heads, s.width)
	k, v := s.normal(s.rows, keyHeads, s.width),
		s.gapped(s.rows, keyHeads*s.width).SplitLast(s.width)
	o, lse := s.gapped(s.rows, heads*s.width).SplitLast(s.width), s.normal(heads, s.rows)
	dq, dk, dv := s.normal(s.rows, heads, s.width), s.normal(s.rows, keyHeads, s.width),
		s.normal(s.rows, keyHeads, s.width)
	s.b.Attention(o, lse, q, k, v, segments, scale)
	s.b.AttentionGrad(dq, dk, dv, do, o, lse, q, k, v, segments, scale)
	s.keep(name+"o", o)
	s.keep(name+"lse", lse)
	// A query that sees one key has the gradient scale·(do·v - do·o)·k, which is 0: the products
	// of normal vectors are of size sqrt(width). A key has as many as heads share it.
	mass := scale * math.Sqrt(float64(s.width))
	s.keepDifference(name+"dq", dq, mass)
	s.keepDifference(name+"dk", dk, mass*math.Sqrt(float64(heads/keyHeads)))
	s.keep(name+"dv", dv)
}

// decoding has queries after cached keys.
func decoding(s *side) {
	const heads, keyHeads, cached = 4, 2, 11
	q, o := s.normal(s.rows, heads, s.width), s.normal(s.rows, heads, s.width)
	k, v := s.normal(s.rows+cached, keyHeads, s.width), s.normal(s.rows+cached, keyHeads, s.width)
	lse := s.normal(heads, s.rows)
	s.b.Attention(o, lse, q, k, v, kernels.Segments{Offset: cached, Groups: []kernels.HeadGroup{
		{From: 0, To: heads, Bounds: []int32{0, int32(s.rows + cached)}},
	}}, 0.3)
	s.keep("o", o)
	s.keep("lse", lse)
}

func losses(s *side) { s.losses(0) }

func (s *side) losses(limit float32) {
	vocabulary := 3*s.width + 1
	none := kernels.Tensor{}
	l := kernels.Linear{W: kernels.Dense{Tensor: s.normal(vocabulary, s.width)}, Cap: limit}
	h, weights := s.gapped(s.rows, s.width), s.normal(s.rows)
	losses, dh, dw := s.normal(s.rows), s.gapped(s.rows, s.width), s.normal(vocabulary, s.width)
	targets := s.targets(s.rows, vocabulary)
	s.b.CrossEntropy(losses, dh, dw, h, l, targets, weights, 0.3)
	s.keep("losses", losses)
	s.keep("dh", dh)
	s.keep("dw", dw)
	s.b.CrossEntropy(losses, none, none, h, l, targets, none, 1)
	s.keep("losses alone", losses)
	s.b.CrossEntropy(losses, dh, none, h, l, targets, weights, 1)
	s.keep("dh alone", dh)
}

func updates(s *side) {
	p, g := s.normal(s.rows, s.width), s.normal(s.rows, s.width)
	m, v := s.normal(s.rows, s.width), s.normal(s.rows, s.width)
	s.b.Zero(m)
	s.b.Zero(v)
	step := kernels.AdamWStep{
		LR: 0.01, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1, GradScale: 0.7,
	}
	for step.Step = 1; step.Step <= 3; step.Step++ {
		s.b.AdamW(p, g, m, v, step)
	}
	s.keep("p", p)
	s.keep("m", m)
	s.keep("v", v)
	s.outputs = append(s.outputs, output{"Σ x²", []float64{s.b.SumSquares(p, g)}, 0})
}

func magnitudes(s *side) {
	const rank = 3
	out := s.width + 5
	l := kernels.Linear{
		W: kernels.Dense{Tensor: s.normal(out, s.width)}, A: s.normal(rank, s.width),
		B: s.normal(out, rank), Scale: 0.7,
	}
	norm, m := s.normal(out), s.normal(out)
	s.b.AdapterNorms(norm, kernels.Linear{W: l.W})
	s.keep("norms of rows", norm)
	s.b.AdapterNorms(norm, l)
	s.keep("norms", norm)
	l.Magnitude, l.Norm = m, norm
	g := kernels.LinearGrad{DA: s.normal(rank, s.width), DB: s.normal(out, rank), DMagnitude: s.normal(out)}
	x, dy, u := s.gapped(s.rows, s.width), s.normal(s.rows, out), s.normal(s.rows, rank)
	y, dx := s.normal(s.rows, out), s.normal(s.rows, s.width)
	for _, drop := range []struct {
		name        string
		probability float32
	}{{"", 0}, {" after dropout", 0.3}} {
		l.Dropout, l.Seed = drop.probability, 5
		s.b.Linear(y, x, l, u, drop.probability > 0)
		s.keep("y"+drop.name, y)
		s.b.LinearGrad(dx, g, dy, x, l, u)
		s.keep("dx"+drop.name, dx)
		s.keep("da"+drop.name, g.DA)
		s.keep("db"+drop.name, g.DB)
		s.keep("dm"+drop.name, g.DMagnitude)
	}
}

func logits(s *side) {
	z, kept := s.normal(s.rows, 3*s.width), s.normal(s.rows, 3*s.width)
	targets, weights, sums := s.ints(s.rows, 3*s.width), s.normal(s.rows), s.normal(s.rows)
	s.b.LogitLoss(sums, z, targets, kernels.Tensor{}, 1)
	s.keep("losses", sums)
	s.keep("logits as they were", z)
	s.b.LogitLoss(sums, kept, targets, weights, 0.3)
	s.keep("losses again", sums)
	s.keep("dz", kept)
}
