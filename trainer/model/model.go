package model

import (
	"errors"
	"fmt"

	"longlora/kernels"
	"longlora/kernels/nf4"
)

// Model is a decoder with its parameters on a backend. It serves one goroutine at a time, as its
// backend does.
type Model struct {
	b       kernels.Backend
	config  Config
	options Options
	params  Params
	layers  []layer
	embed   *Param
	norm    *Param
	head    *Param // embed if tied
	// headWeight is head's value.
	headWeight kernels.Weight

	arenas   []kernels.Arena // parameters, training state, tables
	cos, sin kernels.Tensor  // [Context, HeadDim/2]
	work     workspace
	mlpRows  int
}

// layer is one decoder layer's parameters.
type layer struct {
	index               int
	inputNorm, postNorm *Param
	linear              [linears]linear
}

// New makes a model whose parameters have no values yet: Load or Init gives them. Close releases
// its memory; the backend stays open.
func New(b kernels.Backend, c Config, o Options) (*Model, error) {
	if err := errors.Join(c.Validate(), o.Validate()); err != nil {
		return nil, err
	}
	m := &Model{b: b, config: c, options: o, params: list(c, o), mlpRows: defaultMLPRows}
	if err := m.allocate(); err != nil {
		return nil, errors.Join(fmt.Errorf("model: %w", err), m.Close())
	}
	m.connect()
	cos, sin := o.Rotary(o.Context)
	b.Write(m.cos, cos)
	b.Write(m.sin, sin)
	return m, b.Sync()
}

// allocate reserves the parameters, the training state and the rotary tables.
func (m *Model) allocate() error {
	values, training := m.params.bytes()
	arena, err := m.arena(values)
	if err != nil {
		return err
	}
	for _, p := range m.params {
		if p.packed {
			p.Packed = nf4.Alloc(arena, p.shape[0], p.shape[1])
			continue
		}
		p.Value = arena.Alloc(p.dtype, p.shape...)
	}
	if m.options.Training && training > 0 {
		if arena, err = m.arena(training); err != nil {
			return err
		}
		for _, p := range m.params.Trainable() {
			for _, t := range []*kernels.Tensor{&p.Grad, &p.M, &p.V} {
				*t = arena.Alloc(kernels.F32, p.shape...)
				m.b.Zero(*t)
			}
		}
	}
	half := m.config.HeadDim / 2
	if arena, err = m.arena(2 * alignedBytes(m.options.Context*half, kernels.F32)); err != nil {
		return err
	}
	m.cos = arena.Alloc(kernels.F32, m.options.Context, half)
	m.sin = arena.Alloc(kernels.F32, m.options.Context, half)
	return nil
}

func (m *Model) arena(size int64) (kernels.Arena, error) {
	a, err := m.b.NewArena(size)
	if err == nil {
		m.arenas = append(m.arenas, a)
	}
	return a, err
}

// connect finds each layer's parameters in the list.
func (m *Model) connect() {
	byName := make(map[string]*Param, len(m.params))
	for _, p := range m.params {
		byName[p.Name] = p
	}
	m.embed, m.norm, m.head = byName[EmbedName], byName[NormName], byName[HeadName]
	if m.head == nil {
		m.head = m.embed
	}
	m.headWeight = kernels.Dense{Tensor: m.head.Value}
	for l := range m.config.Layers {
		y := layer{
			index:     l,
			inputNorm: byName[Module(l, "input_layernorm.weight")],
			postNorm:  byName[Module(l, "post_attention_layernorm.weight")],
		}
		for i := range linears {
			name := Module(l, linearModules[i])
			w := byName[name+".weight"]
			y.linear[i] = linear{
				id: l*linears + i, w: w, own: w.weight(),
				a: byName[name+LoRAA], b: byName[name+LoRAB], lora: m.options.LoRA,
			}
		}
		m.layers = append(m.layers, y)
	}
}

// Config returns the model's shape.
func (m *Model) Config() Config { return m.config }

// Options returns what the model was made with.
func (m *Model) Options() Options { return m.options }

// Params returns all parameters, in a fixed order. Callers may change their values, not the list.
func (m *Model) Params() Params { return m.params }

// Backend returns the backend that the model lives on.
func (m *Model) Backend() kernels.Backend { return m.b }

// Tables returns the cosines and sines of the rotary positions, [Context, HeadDim/2].
func (m *Model) Tables() (cos, sin kernels.Tensor) { return m.cos, m.sin }

// Close releases the model's memory.
func (m *Model) Close() error {
	errs := []error{m.work.close()}
	for _, a := range m.arenas {
		errs = append(errs, a.Close())
	}
	m.arenas = nil
	return errors.Join(errs...)
}
