package graph

import (
	"fmt"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"longlora/kernels"
)

// builder puts a graph together. The first error stays, and turns later steps into no-ops.
type builder struct {
	graph   *G.ExprGraph
	backend kernels.Backend
	arena   kernels.Arena
	// counts: nothing will run, so that nodes need no values.
	counts bool
	last   uint64
	err    error
}

func (b *builder) f32(shape ...int) kernels.Tensor { return b.arena.Alloc(kernels.F32, shape...) }

// apply adds an operator's node.
func (b *builder) apply(o *operator, in ...*G.Node) *G.Node {
	if b.err != nil {
		return nil
	}
	b.last++
	o.b, o.id, o.arity = b, b.last, len(in)
	types := make([]hm.Type, 0, len(in)+1)
	for _, n := range in {
		types = append(types, n.Type())
	}
	result := hm.Type(tensor.Float32)
	if o.scalar == nil {
		result = typeOf(o.results[o.value])
	}
	o.typ = hm.NewFnType(append(types, result)...)
	n, err := G.ApplyOp(o, in...)
	if err != nil {
		b.err = fmt.Errorf("%s: %w", o, err)
	}
	return n
}

// leaf adds a node that nothing computes, over a tensor.
func (b *builder) leaf(name string, t kernels.Tensor) *G.Node {
	options := []G.NodeConsOpt{G.WithShape(t.Shape()...), G.WithName(name)}
	if !b.counts {
		options = append(options, G.WithValue(valueOf(t)))
	}
	return G.NewTensor(b.graph, tensor.Float32, t.Rank(), options...)
}
