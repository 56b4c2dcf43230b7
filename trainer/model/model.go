package model

import (
	"errors"
	"fmt"

	"longlora/kernels"
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
	norm    norm
	head    *Param // embed if tied
	// headLinear is head with its adapter, embedding the adapter of embed.
	headLinear linear
	embedding  embedding
	embedRows  tokenRows
	headRows   tokenRows
	// norms are those that DoRA's magnitudes are divided by; fresh says that they, and all else that
	// follows from parameters, are up to date.
	norms map[*Param]kernels.Tensor
	fresh bool

	arenas   []kernels.Arena // parameters, training state, tables
	cos, sin kernels.Tensor  // [Context, RotaryDim/2]
	// localCos and localSin are those of local layers; absent if they turn as the others do.
	localCos, localSin kernels.Tensor
	ones               kernels.Tensor // as many as a norm's weights; absent if none is added to 1
	work               workspace
	mlpRows            int
}

// layer is one decoder layer's parameters.
type layer struct {
	index    int
	norms    [layerNorms]norm
	linear   [linears]linear
	cos, sin kernels.Tensor // the model's, or those of local layers
}

// New makes a model whose parameters have no values yet: Load or Init gives them. Close releases
// its memory; the backend stays open.
func New(b kernels.Backend, c Config, o Options) (*Model, error) {
	if err := errors.Join(c.Validate(), o.Validate(), o.fit(c)); err != nil {
		return nil, err
	}
	var found map[string]Adapter
	if o.LoRA != nil {
		var err error
		if found, err = c.Adapters(o.LoRA); err != nil {
			return nil, err
		}
	}
	m := &Model{b: b, config: c, options: o, params: list(c, o), mlpRows: defaultMLPRows,
		norms: map[*Param]kernels.Tensor{}}
	if err := m.allocate(); err != nil {
		return nil, errors.Join(fmt.Errorf("model: %w", err), m.Close())
	}
	m.connect(found)
	m.writeTables()
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
		if p.packing != Unpacked {
			p.Packed = p.packing.form().alloc(arena, p.shape[0], p.shape[1])
			continue
		}
		p.Value = p.alloc(arena)
		if p.magnitude() {
			m.norms[p] = arena.Alloc(kernels.F32, p.shape...)
		}
	}
	if m.options.Training && training > 0 {
		if arena, err = m.arena(training); err != nil {
			return err
		}
		host, err := m.hostArena(m.params.moments())
		if err != nil {
			return err
		}
		for _, p := range m.params.Trainable() {
			p.Grad = arena.Alloc(kernels.F32, p.shape...)
			m.b.Zero(p.Grad)
			if p.bare {
				continue
			}
			moments := arena
			if p.hosted {
				moments = host
			}
			p.M = moments.Alloc(kernels.F32, p.shape...)
			p.V = moments.Alloc(kernels.F32, p.shape...)
			m.b.Zero(p.M)
			m.b.Zero(p.V)
		}
	}
	return m.allocateTables()
}

// hostArena reserves memory of the host for moments, nil if there are none.
func (m *Model) hostArena(size int64) (kernels.Arena, error) {
	if size == 0 {
		return nil, nil
	}
	b, ok := m.b.(kernels.Aside)
	if !ok {
		return nil, fmt.Errorf("moments lie in the host's memory beside a GPU only, not %s", m.b.Name())
	}
	a, err := b.NewHostArena(size)
	if err == nil {
		m.arenas = append(m.arenas, a)
	}
	return a, err
}

func (m *Model) arena(size int64) (kernels.Arena, error) {
	a, err := m.b.NewArena(size)
	if err == nil {
		m.arenas = append(m.arenas, a)
	}
	return a, err
}

// connect finds each layer's parameters in the list.
func (m *Model) connect(found map[string]Adapter) {
	byName := make(map[string]*Param, len(m.params))
	for _, p := range m.params {
		byName[p.Name] = p
	}
	c := m.config
	m.embed, m.head = byName[c.EmbedName()], byName[c.HeadName()]
	m.norm = newNorm(byName, c.names().norm)
	if m.head == nil {
		m.head = m.embed
	}
	m.headLinear = m.linear(byName, c.names().head, found, m.config.Layers*linears)
	m.headLinear.w, m.headLinear.own = m.head, m.head.weight()
	if module := c.names().embed; m.params.Lookup(module+EmbedA) != nil {
		m.embedding = embedding{byName[module+EmbedA], byName[module+EmbedB],
			float32(found[module].Scale)}
	}
	if l := m.options.LoRA; l != nil {
		m.embedRows = newTokenRows(m.embed, byName[c.names().embed+TokenRows], l.EmbedTokens)
		m.headRows = newTokenRows(m.head, byName[c.names().head+TokenRows], l.HeadTokens)
	}
	for l := range m.config.Layers {
		y := layer{
			index: l, cos: m.cos, sin: m.sin,
		}
		if c.Arch.LocalTables && c.Arch.local(l) {
			y.cos, y.sin = m.localCos, m.localSin
		}
		for n := range layerNorms {
			if c.normed(n) {
				y.norms[n] = newNorm(byName, c.Module(l, c.names().norms[n]))
			}
		}
		for i := range linears {
			if c.has(i) {
				y.linear[i] = m.linear(byName, c.Module(l, c.names().linear[i]), found, l*linears+i)
			}
		}
		m.layers = append(m.layers, y)
	}
}

// linear finds a linear layer's parameters.
func (m *Model) linear(byName map[string]*Param, module string, found map[string]Adapter,
	id int) linear {
	l := linear{id: id, w: byName[module+".weight"], a: byName[module+LoRAA], b: byName[module+LoRAB],
		m: byName[module+LoRAMagnitude], bias: byName[module+".bias"],
		scale: float32(found[module].Scale)}
	if l.w != nil {
		l.own = l.w.weight()
	}
	if l.a != nil {
		l.dropout = float32(m.options.LoRA.Dropout)
	}
	if l.m != nil {
		l.norm = m.norms[l.m]
	}
	return l
}

// Config returns the model's shape.
func (m *Model) Config() Config { return m.config }

// Options returns what the model was made with.
func (m *Model) Options() Options { return m.options }

// Params returns all parameters, in a fixed order. Callers may change their values, not the list.
func (m *Model) Params() Params { return m.params }

// Backend returns the backend that the model lives on.
func (m *Model) Backend() kernels.Backend { return m.b }

// Tables returns the cosines and sines of the rotary positions, [Context, RotaryDim/2], those of
// global layers.
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
