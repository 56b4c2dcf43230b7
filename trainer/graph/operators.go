package graph

import (
	G "gorgonia.org/gorgonia"

	"longlora/kernels"
	"longlora/trainer/model"
)

// params returns the nodes of those parameters that are trained, in order; the others are no part
// of the derivation.
func (s *step) params(all ...*model.Param) (trained []*model.Param, nodes []*G.Node) {
	for _, p := range all {
		if p == nil || !p.Trainable {
			continue
		}
		n := s.nodes[p]
		if n == nil {
			n = s.leaf(p.Name, p.Value)
			s.nodes[p] = n
			s.trained, s.by = append(s.trained, p), append(s.by, n)
		}
		trained, nodes = append(trained, p), append(nodes, n)
	}
	return trained, nodes
}

// gather is y[t] = table[rows[t]] for a tensor in the graph.
func (s *step) gather(table *G.Node, rows kernels.Tensor) *G.Node {
	y := s.f32(rows.Dim(0), table.Shape()[1])
	return s.apply(&operator{
		name: "gather", results: []kernels.Tensor{y}, passes: -1,
		run: func(in []kernels.Tensor) { s.backend.Embedding(y, in[0], rows) },
		back: func(d []kernels.Tensor, dy kernels.Tensor, _ []kernels.Tensor) {
			s.backend.EmbeddingGrad(d[0], dy, rows)
		},
	}, table)
}

// norm is RMSNorm.
func (s *step) norm(x *G.Node, w *model.Param) *G.Node {
	shape, eps := x.Shape(), s.m.Config().Eps
	y, rstd := s.f32(shape...), s.f32(shape[0])
	_, nodes := s.params(w)
	return s.apply(&operator{
		name: "norm", results: []kernels.Tensor{y, rstd}, passes: -1,
		run: func(in []kernels.Tensor) { s.backend.RMSNorm(y, rstd, in[0], w.Value, eps) },
		back: func(d []kernels.Tensor, dy kernels.Tensor, in []kernels.Tensor) {
			var dw kernels.Tensor
			if len(d) > 1 {
				dw = d[1]
			}
			s.backend.RMSNormGrad(d[0], dw, dy, in[0], w.Value, rstd)
		},
	}, append([]*G.Node{x}, nodes...)...)
}

// rotate is RoPE over heads of a row.
func (s *step) rotate(x *G.Node) *G.Node {
	y := s.f32(x.Shape()...)
	turn := func(from, to kernels.Tensor, inverse bool) {
		s.backend.Copy(to, from)
		cos, sin := s.m.Tables()
		s.backend.RoPE(s.heads(to), cos, sin, s.positions, inverse)
	}
	return s.apply(&operator{
		name: "rotate", results: []kernels.Tensor{y}, passes: -1, overwrites: true,
		run: func(in []kernels.Tensor) { turn(in[0], y, false) },
		back: func(d []kernels.Tensor, dy kernels.Tensor, _ []kernels.Tensor) {
			turn(dy, d[0], true)
		},
	}, x)
}

// heads views [T, H·Dh] as [T, H, Dh].
func (s *step) heads(t kernels.Tensor) kernels.Tensor { return t.SplitLast(s.m.Config().HeadDim) }

// linear is a linear layer with its adapter. With a residual it is added to that.
func (s *step) linear(x *G.Node, layer int, module string, residual *G.Node) *G.Node {
	y := s.newLinear(layer, module, x.Shape()[0])
	o := &operator{name: module, results: []kernels.Tensor{y.y, y.u}, passes: -1}
	in := []*G.Node{x}
	if residual != nil {
		in, o.passes = append(in, residual), 1
	}
	trained, nodes := s.params(y.w, y.a, y.b)
	first := len(in)
	o.run = func(in []kernels.Tensor) {
		if residual != nil {
			s.backend.Copy(y.y, in[1])
		}
		y.each(func(from, to int, l kernels.Linear, u kernels.Tensor) {
			s.backend.Linear(y.y.Slice(0, from, to), in[0].Slice(0, from, to), l, u, residual != nil)
		})
	}
	o.back = func(d []kernels.Tensor, dy kernels.Tensor, in []kernels.Tensor) {
		g := y.gradients(trained, d[first:])
		y.each(func(from, to int, l kernels.Linear, u kernels.Tensor) {
			s.backend.LinearGrad(d[0].Slice(0, from, to), g, dy.Slice(0, from, to),
				in[0].Slice(0, from, to), l, u)
		})
	}
	return s.apply(o, append(in, nodes...)...)
}

// linear is one layer's parameters and results.
type linear struct {
	s           *step
	layer, rows int
	module      string
	w, a, b     *model.Param
	y, u        kernels.Tensor // [T, O], [T, r] or absent
}

func (s *step) newLinear(layer int, module string, tokens int) *linear {
	name, all := model.Module(layer, module), s.m.Params()
	y := &linear{
		s: s, layer: layer, module: module, rows: model.RowsAtOnce(module, tokens),
		w: all.Lookup(name + ".weight"), a: all.Lookup(name + model.LoRAA),
		b: all.Lookup(name + model.LoRAB),
	}
	y.y = s.f32(tokens, y.w.Shape()[0])
	if y.a != nil {
		y.u = s.f32(tokens, y.a.Shape()[0])
	}
	return y
}

// each calls f for the runs of rows that have a dropout mask of their own.
func (y *linear) each(f func(from, to int, l kernels.Linear, u kernels.Tensor)) {
	tokens := y.y.Dim(0)
	for from := 0; from < tokens; from += y.rows {
		to := min(from+y.rows, tokens)
		u := y.u
		if !u.IsZero() {
			u = u.Slice(0, from, to)
		}
		f(from, to, y.s.m.Operand(y.layer, y.module, y.s.batch.Seed, from), u)
	}
}

// gradients says which of d is whose.
func (y *linear) gradients(trained []*model.Param, d []kernels.Tensor) (g kernels.LinearGrad) {
	for i, p := range trained {
		switch p {
		case y.w:
			g.DW = d[i]
		case y.a:
			g.DA = d[i]
		case y.b:
			g.DB = d[i]
		}
	}
	return g
}

// attention is segmented causal attention, as a layer's.
func (s *step) attention(layer int, q, k, v *G.Node) *G.Node {
	c := s.m.Config()
	o, lse := s.f32(q.Shape()...), s.f32(c.Heads, s.tokens)
	return s.apply(&operator{
		name: "attention", results: []kernels.Tensor{o, lse}, passes: -1, overwrites: true,
		run: func(in []kernels.Tensor) {
			s.backend.Attention(s.heads(o), lse, s.heads(in[0]), s.heads(in[1]), s.heads(in[2]),
				s.batch.At(layer), c.AttentionScale())
		},
		back: func(d []kernels.Tensor, dy kernels.Tensor, in []kernels.Tensor) {
			s.backend.AttentionGrad(s.heads(d[0]), s.heads(d[1]), s.heads(d[2]), s.heads(dy),
				s.heads(o), lse, s.heads(in[0]), s.heads(in[1]), s.heads(in[2]),
				s.batch.At(layer), c.AttentionScale())
		},
	}, q, k, v)
}

// gated is SwiGLU.
func (s *step) gated(gate, up *G.Node) *G.Node {
	y := s.f32(gate.Shape()...)
	return s.apply(&operator{
		name: "gated", results: []kernels.Tensor{y}, passes: -1, overwrites: true,
		run: func(in []kernels.Tensor) { s.backend.SwiGLU(y, in[0], in[1]) },
		back: func(d []kernels.Tensor, dy kernels.Tensor, in []kernels.Tensor) {
			s.backend.SwiGLUGrad(d[0], d[1], dy, in[0], in[1])
		},
	}, gate, up)
}

// loss is scale·Σ weights·(-log p(targets)) of the head's logits. The operator computes its
// gradients in passing, as there is no logits matrix to compute them from later.
func (s *step) loss(h *G.Node, head *model.Param) *G.Node {
	n, b := h.Shape()[0], s.backend
	losses, dh := s.f32(n), s.f32(h.Shape()...)
	_, nodes := s.params(head)
	var dw kernels.Tensor
	if len(nodes) > 0 {
		dw = s.f32(head.Shape()...)
	}
	return s.apply(&operator{
		name: "loss", results: []kernels.Tensor{losses}, passes: -1, overwrites: true,
		run: func(in []kernels.Tensor) {
			if !dw.IsZero() {
				b.Zero(dw)
			}
			b.CrossEntropy(losses, dh, dw, in[0], kernels.Linear{W: kernels.Dense{Tensor: head.Value}},
				s.targets, s.weights, s.scale)
		},
		scalar: func() float32 {
			each := make([]float32, n)
			b.Read(each, losses)
			s.sum = 0
			for i, l := range each {
				s.sum += float64(s.scored.weights[i]) * float64(l)
			}
			return s.scale * float32(s.sum)
		},
		back: func(d []kernels.Tensor, dy kernels.Tensor, _ []kernels.Tensor) {
			var upstream [1]float32
			b.Read(upstream[:], dy)
			for i, own := range []kernels.Tensor{dh, dw}[:len(d)] {
				b.Copy(d[i], own)
				if upstream[0] != 1 {
					b.Scale(d[i], upstream[0])
				}
			}
		},
	}, append([]*G.Node{h}, nodes...)...)
}
