package graph

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"longlora/kernels"
	"longlora/kernels/machine"
)

// operator is one of our operators as an operation of Gorgonia.
type operator struct {
	b    *builder
	id   uint64 // no two operators are the same, whatever they compute
	name string
	typ  hm.Type
	// results are the operator's; the node's value is that of index value.
	results []kernels.Tensor
	value   int
	run     func(in []kernels.Tensor) // nil: another operator did it
	// scalar reads the value of an operator whose value is a number; nil: it is a tensor.
	scalar func() float32
	// back adds to d, the gradients by the inputs, what dy, that by the value, says; they are cleared
	// before, unless it overwrites them. nil: the operator has no gradient.
	back       func(d []kernels.Tensor, dy kernels.Tensor, in []kernels.Tensor)
	overwrites bool
	// passes is the input whose gradient is that of the value, as in a sum; -1: none.
	passes int
	arity  int
}

var _ G.SDOp = (*operator)(nil)

// Arity returns the number of inputs.
func (o *operator) Arity() int { return o.arity }

// Type returns the operator's function type.
func (o *operator) Type() hm.Type { return o.typ }

// InferShape returns the shape of the value.
func (o *operator) InferShape(...G.DimSizer) (tensor.Shape, error) {
	if o.scalar != nil {
		return tensor.ScalarShape(), nil
	}
	return shapeOf(o.results[o.value]), nil
}

// Do computes all results and returns the value.
func (o *operator) Do(in ...G.Value) (v G.Value, err error) {
	tensors := make([]kernels.Tensor, len(in))
	for i := range in {
		if tensors[i], err = tensorOf(in[i]); err != nil {
			return nil, fmt.Errorf("%s: input %d: %w", o.name, i, err)
		}
	}
	if o.run != nil {
		o.run(tensors)
	}
	if o.scalar != nil {
		return G.NewF32(o.scalar()), o.b.backend.Sync()
	}
	return valueOf(o.results[o.value]), o.b.backend.Sync()
}

// ReturnsPtr says that the value is no copy.
func (o *operator) ReturnsPtr() bool { return true }

// CallsExtern says that Gorgonia need reserve no memory.
func (o *operator) CallsExtern() bool { return false }

// OverwritesInput says that no input is overwritten.
func (o *operator) OverwritesInput() int { return -1 }

// WriteHash writes what tells the operator from all others.
func (o *operator) WriteHash(h hash.Hash) {
	binary.Write(h, binary.LittleEndian, o.id) //nolint:errcheck // a hash takes everything
}

// Hashcode returns the hash of WriteHash.
func (o *operator) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

// String returns the operator's name and number.
func (o *operator) String() string { return fmt.Sprintf("%s %d", o.name, o.id) }

// DiffWRT says that there is a gradient by every input, if there is any.
func (o *operator) DiffWRT(inputs int) []bool {
	all := make([]bool, inputs)
	for i := range all {
		all[i] = o.back != nil
	}
	return all
}

// SymDiff returns the nodes of the gradients: one operator computes them all.
func (o *operator) SymDiff(in G.Nodes, value, dy *G.Node) (G.Nodes, error) {
	g := o.gradient(in)
	inputs := append(append(G.Nodes{}, in...), value, dy)
	var first *G.Node
	all := make(G.Nodes, len(in))
	for i := range in {
		switch {
		case i == o.passes:
			all[i] = dy
		case first == nil:
			g.value = i
			first = o.b.apply(g, inputs...)
			all[i] = first
		default:
			all[i] = o.b.apply(g.pick(i), first)
		}
	}
	return all, o.b.err
}

// gradient returns the operator that computes o's gradients by its inputs.
func (o *operator) gradient(in G.Nodes) *operator {
	d := make([]kernels.Tensor, len(in))
	for i, n := range in {
		if i != o.passes {
			d[i] = o.b.f32(n.Shape()...)
		}
	}
	return &operator{
		b: o.b, name: "gradient of " + o.name, results: d, passes: -1,
		run: func(in []kernels.Tensor) {
			for _, t := range d {
				if !t.IsZero() && !o.overwrites {
					o.b.backend.Zero(t)
				}
			}
			o.back(d, in[len(in)-1], in[:len(d)])
		},
	}
}

// pick returns the operator whose value is another result of o's.
func (o *operator) pick(i int) *operator {
	name := fmt.Sprintf("result %d of %s", i, o.name)
	return &operator{b: o.b, name: name, results: o.results, value: i, passes: -1}
}

func shapeOf(t kernels.Tensor) tensor.Shape { return tensor.Shape(t.Shape()) }

// typeOf returns the type of a tensor of floats.
func typeOf(t kernels.Tensor) hm.Type { return G.TensorType{Dims: t.Rank(), Of: tensor.Float32} }

// valueOf returns a tensor as a value that shares its memory.
func valueOf(t kernels.Tensor) G.Value {
	return tensor.New(tensor.WithShape(t.Shape()...), tensor.WithBacking(machine.F32(t)))
}

var errValue = errors.New("not a tensor of float32")

// tensorOf is the inverse of valueOf.
func tensorOf(v G.Value) (kernels.Tensor, error) {
	if s, ok := v.(*G.F32); ok {
		return machine.Over([]float32{float32(*s)}, kernels.F32, 1), nil
	}
	d, ok := v.(*tensor.Dense)
	if !ok || d.Dtype() != tensor.Float32 || d.RequiresIterator() {
		return kernels.Tensor{}, errValue
	}
	floats, ok := d.Data().([]float32)
	if !ok {
		return kernels.Tensor{}, errValue
	}
	return machine.Over(floats, kernels.F32, d.Shape()...), nil
}
