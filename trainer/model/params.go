package model

import (
	"fmt"
	"strings"

	"longlora/kernels"
)

// Param is one parameter.
type Param struct {
	// Name is the one in Hugging Face's files; an adapter's is its module's with LoRAA, LoRAB or another
	// of those suffixes.
	Name      string
	Group     Group
	Trainable bool
	// Value is F32 if it is trained. Grad, M and V (AdamW's moments) are F32, and absent unless the
	// parameter is trained by a model made for training; the moments so also by Options.MomentsBelow.
	Value, Grad, M, V kernels.Tensor
	// Packed is the value of a matrix of few bits, which has no Value; nil otherwise.
	Packed kernels.Weight

	shape   []int
	dtype   kernels.DType
	packing Packing
	hosted  bool // M and V lie in the host's memory
	spare   int  // elements behind the value's rows, and rows below them
	bare    bool // has no moments
}

// Shape returns the extents: [out, in] of matrices, [vocab, hidden] of the embedding.
func (p *Param) Shape() []int { return append([]int(nil), p.shape...) }

// Len returns the number of elements.
func (p *Param) Len() int {
	n := 1
	for _, s := range p.shape {
		n *= s
	}
	return n
}

// DType returns the storage type of the value.
func (p *Param) DType() kernels.DType { return p.dtype }

// Params is an ordered list: embedding, layers, final norm, head; a linear layer's adapter follows
// its weight.
type Params []*Param

// Lookup returns the parameter of a name, nil if there is none.
func (ps Params) Lookup(name string) *Param {
	for _, p := range ps {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Trainable returns those that are trained.
func (ps Params) Trainable() Params {
	return ps.where(func(p *Param) bool { return p.Trainable })
}

// Base returns those that are no adapter's.
func (ps Params) Base() Params {
	return ps.where(func(p *Param) bool { return p.Group != GroupLoRA })
}

// Adapters returns those of adapters.
func (ps Params) Adapters() Params {
	return ps.where(func(p *Param) bool { return p.Group == GroupLoRA })
}

func (ps Params) where(keep func(*Param) bool) Params {
	var kept Params
	for _, p := range ps {
		if keep(p) {
			kept = append(kept, p)
		}
	}
	return kept
}

// Count returns the number of elements of all.
func (ps Params) Count() int64 {
	var n int64
	for _, p := range ps {
		n += int64(p.Len())
	}
	return n
}

// alignment of an arena's tensors, in bytes.
const alignment = 64

func alignedBytes(n int, d kernels.DType) int64 {
	return (int64(n)*d.Size() + alignment - 1) / alignment * alignment
}

// bytes returns the storage of the values, and of gradients and moments of what is trained.
func (ps Params) bytes() (values, training int64) {
	for _, p := range ps {
		values += p.bytes()
		if p.magnitude() {
			values += p.bytes() // the norms that it is divided by
		}
		if p.Trainable {
			n := alignedBytes(p.Len(), kernels.F32)
			if training += n; !p.bare {
				training += 2 * n
			}
		}
	}
	return values, training - ps.moments()
}

// moments returns the storage of the moments that lie in the host's memory.
func (ps Params) moments() (n int64) {
	for _, p := range ps {
		if p.hosted {
			n += 2 * alignedBytes(p.Len(), kernels.F32)
		}
	}
	return n
}

// weight is the value as a linear layer's matrix.
func (p *Param) weight() kernels.Weight {
	if p.Packed != nil {
		return p.Packed
	}
	return kernels.Dense{Tensor: p.Value}
}

// bytes returns the storage of the value.
func (p *Param) bytes() int64 {
	if p.packing != Unpacked {
		return p.packing.form().bytes(p.shape[0], p.shape[1], alignment)
	}
	if p.spare > 0 {
		return alignedBytes((p.shape[0]+p.spare)*(p.shape[1]+p.spare), p.dtype)
	}
	return alignedBytes(p.Len(), p.dtype)
}

// alloc cuts the value off an arena.
func (p *Param) alloc(a kernels.Arena) kernels.Tensor {
	if p.spare == 0 {
		return a.Alloc(p.dtype, p.shape...)
	}
	all := a.Alloc(p.dtype, p.shape[0]+p.spare, p.shape[1]+p.spare)
	return all.Slice(0, 0, p.shape[0]).Slice(1, 0, p.shape[1])
}

// magnitude reports whether the parameter is DoRA's.
func (p *Param) magnitude() bool { return strings.HasSuffix(p.Name, LoRAMagnitude) }

// Describe lists the parameters of the model that New would make, without storage.
func Describe(c Config, o Options) Params { return list(c, o) }

// list describes all parameters of a model, without storage.
func list(c Config, o Options) Params {
	var ps Params
	add := func(name string, g Group, trainable bool, shape ...int) {
		p := &Param{Name: name, Group: g, Trainable: trainable, shape: shape, dtype: kernels.F32}
		p.bare = o.MomentsBelow > 0 && p.Len() >= o.MomentsBelow
		p.hosted = o.HostMoments && !p.bare && trainable && (g == GroupEmbed || g == GroupHead)
		if !trainable && len(shape) > 1 && o.Frozen != 0 {
			p.dtype = o.Frozen
		}
		if g == GroupLinear && !trainable && len(shape) == 2 {
			p.packing = o.Packed
		}
		ps = append(ps, p)
	}
	adapters := newAdapters(o.LoRA, add)
	base := func(name string, g Group, shape ...int) { add(name, g, o.trains(g), shape...) }
	norm := func(module string, size int) {
		base(module+".weight", GroupNorm, size)
		if c.Arch.Norm == LayerNorm {
			base(module+".bias", GroupNorm, size)
		}
	}
	linear := func(module string, m int) {
		out, in := c.linearShape(m)
		base(module+".weight", GroupLinear, out, in)
		if w := ps[len(ps)-1]; !w.Trainable && w.packing == Unpacked && w.dtype == kernels.BF16 &&
			adapters.lora.adapter(module) != nil {
			w.spare = o.Spare
		}
		if c.bias(m) {
			base(module+".bias", GroupLinear, out)
		}
		adapters.linear(module, out, in)
	}
	base(c.EmbedName(), GroupEmbed, c.Vocab, c.Hidden)
	adapters.embedding(c.names().embed, c.Vocab, c.Hidden)
	adapters.rows(c.names().embed, c.Hidden)
	for l := range c.Layers {
		for _, i := range order {
			switch {
			case i < 0 && c.normed(^i):
				norm(c.Module(l, c.names().norms[^i]), c.normSize(^i))
			case i >= 0 && c.has(i):
				linear(c.Module(l, c.names().linear[i]), i)
			}
		}
	}
	norm(c.names().norm, c.Hidden)
	if !c.Tied {
		base(c.HeadName(), GroupHead, c.Vocab, c.Hidden)
		adapters.linear(c.names().head, c.Vocab, c.Hidden)
		adapters.rows(c.names().head, c.Hidden)
	}
	return ps
}

// adapters lists the parameters of adapters.
type adapters struct {
	lora *compiled // nil: there are none
	add  func(name string, g Group, trainable bool, shape ...int)
}

func newAdapters(l *LoRA, add func(string, Group, bool, ...int)) adapters {
	if l == nil {
		return adapters{}
	}
	c, err := l.compile()
	if err != nil {
		return adapters{} // New and Adapters say what is wrong
	}
	return adapters{c, add}
}

func (a adapters) linear(module string, out, in int) {
	shape := a.lora.adapter(module)
	if shape == nil {
		return
	}
	a.add(module+LoRAA, GroupLoRA, true, shape.Rank, in)
	a.add(module+LoRAB, GroupLoRA, true, out, shape.Rank)
	if a.lora.DoRA {
		a.add(module+LoRAMagnitude, GroupLoRA, true, out)
	}
}

func (a adapters) embedding(module string, vocab, hidden int) {
	if shape := a.lora.adapter(module); shape != nil {
		a.add(module+EmbedA, GroupLoRA, true, vocab, shape.Rank)
		a.add(module+EmbedB, GroupLoRA, true, hidden, shape.Rank)
	}
}

// rows are those of the embedding or the head that are trained alone.
func (a adapters) rows(module string, hidden int) {
	if a.lora == nil {
		return
	}
	n := len(a.lora.EmbedTokens)
	if GroupOf(module+".weight") == GroupHead {
		n = len(a.lora.HeadTokens)
	}
	if n > 0 {
		a.add(module+TokenRows, GroupLoRA, true, n, hidden)
	}
}

// Source returns a tensor's elements, row-major, or an error that names what is wrong: a tensor
// that is missing or has another shape, values that are not finite.
type Source func(name string, shape []int) ([]float32, error)

// Load fills params from a source.
func (m *Model) Load(params Params, from Source) error {
	for _, p := range params {
		values, err := from(p.Name, p.Shape())
		if err != nil {
			return err
		}
		if err := m.SetParam(p, values); err != nil {
			return err
		}
	}
	return m.b.Sync()
}

// SetParam writes a parameter's value.
func (m *Model) SetParam(p *Param, values []float32) error {
	if len(values) != p.Len() {
		return fmt.Errorf("tensor %s has %d values, shape %v wants %d",
			p.Name, len(values), p.shape, p.Len())
	}
	m.fresh = false
	if p.Packed != nil {
		p.packing.form().write(m.b, p.Packed, values)
	} else {
		m.b.Write(p.Value, values)
	}
	return nil
}

// Values returns a copy of a parameter's value, which is not Packed.
func (m *Model) Values(p *Param) []float32 {
	out := make([]float32, p.Len())
	m.b.Read(out, p.Value)
	return out
}
