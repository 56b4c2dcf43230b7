package graph

import (
	G "gorgonia.org/gorgonia"

	"longlora/trainer/model"
)

// forward is the model: the LLaMA family's decoder and its loss. Another architecture is another
// forward.
func (s *step) forward() *G.Node {
	x := s.embed()
	for l := range s.m.Config().Layers {
		x = s.layer(x, l)
	}
	all := s.m.Params()
	head := all.Lookup(model.HeadName)
	if head == nil {
		head = all.Lookup(model.EmbedName)
	}
	return s.loss(s.norm(s.gather(x, s.rows), all.Lookup(model.NormName)), head)
}

// embed gathers the tokens' embeddings: a leaf of the graph if the table is not trained.
func (s *step) embed() *G.Node {
	table := s.m.Params().Lookup(model.EmbedName)
	if _, nodes := s.params(table); len(nodes) > 0 {
		return s.gather(nodes[0], s.ids)
	}
	x := s.f32(s.tokens, s.m.Config().Hidden)
	s.before = func() { s.backend.Embedding(x, table.Value, s.ids) }
	return s.leaf("embedding", x)
}

// layer is x + attention(norm(x)), and then that plus down(SwiGLU(norm of it)).
func (s *step) layer(x *G.Node, l int) *G.Node {
	all := s.m.Params()
	h := s.norm(x, all.Lookup(model.Module(l, "input_layernorm.weight")))
	q := s.rotate(s.linear(h, l, "self_attn.q_proj", nil))
	k := s.rotate(s.linear(h, l, "self_attn.k_proj", nil))
	v := s.linear(h, l, "self_attn.v_proj", nil)
	x = s.linear(s.attention(l, q, k, v), l, "self_attn.o_proj", x)
	h = s.norm(x, all.Lookup(model.Module(l, "post_attention_layernorm.weight")))
	gate := s.linear(h, l, "mlp.gate_proj", nil)
	up := s.linear(h, l, "mlp.up_proj", nil)
	return s.linear(s.gated(gate, up), l, "mlp.down_proj", x)
}
