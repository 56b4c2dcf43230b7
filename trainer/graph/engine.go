package graph

import (
	"errors"
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"longlora/kernels"
	"longlora/trainer/model"
)

// Engine computes a model's gradients by a Gorgonia graph. Like its model, it serves one goroutine
// at a time. The model's backend must be the CPU's: Gorgonia reads and writes the memory itself.
type Engine struct {
	m     *model.Model
	arena kernels.Arena
	size  int64
	step  *step // of the last micro-batch; nil: none yet
}

// New returns an Engine for a model that was made for training.
func New(m *model.Model) (*Engine, error) {
	if !m.Options().Training {
		return nil, errors.New("graph: gradients of a model that was not made for training")
	}
	if m.Config().Arch != (model.Arch{}) {
		return nil, fmt.Errorf("graph: engine gorgonia computes LLaMA without biases alone, not this model of "+
			"the family %s: use --engine native", m.Config().Family())
	}
	return &Engine{m: m}, nil
}

// Bytes counts the memory of a micro-batch of tokens tokens.
func Bytes(m *model.Model, tokens int) (n int64, err error) {
	b := m.Options().Planner()
	defer func() { err = errors.Join(err, b.Close()) }()
	arena, err := b.NewArena(math.MaxInt64)
	if err != nil {
		return 0, err
	}
	_, err = newStep(m, builder{backend: b, arena: arena, counts: true}, tokens, tokens)
	return arena.Peak(), errors.Join(err, arena.Close())
}

// Reserve makes room for micro-batches of up to tokens tokens. Gradient does so by itself.
func (e *Engine) Reserve(tokens int) error {
	need, err := Bytes(e.m, tokens)
	if err != nil || need <= e.size {
		return err
	}
	if err := e.Close(); err != nil {
		return err
	}
	if e.arena, err = e.m.Backend().NewArena(need); err == nil {
		e.size = need
	}
	return err
}

// Close releases the memory.
func (e *Engine) Close() (err error) {
	if e.step != nil {
		err = e.step.machine.Close()
	}
	if e.arena != nil {
		err = errors.Join(err, e.arena.Close())
	}
	e.arena, e.size, e.step = nil, 0, nil
	return err
}

// Gradient is model.Model.Gradient up to rounding: it adds the gradient of scale·Σ weights·losses
// to every trained parameter's Grad, and returns Σ weights·losses.
func (e *Engine) Gradient(b *model.Batch, scale float32) (float64, error) {
	if err := e.m.Check(b); err != nil {
		return 0, err
	}
	scored := scoredRows(b)
	if len(scored.rows) == 0 {
		return 0, nil
	}
	if err := e.prepare(len(b.IDs), len(scored.rows)); err != nil {
		return 0, err
	}
	return e.step.run(b, scored, scale)
}

// prepare builds the graph of a micro-batch of that size, unless the last one had it.
func (e *Engine) prepare(tokens, scored int) error {
	if s := e.step; s != nil && s.tokens == tokens && s.rows.Dim(0) == scored {
		return nil
	}
	if err := e.Reserve(tokens); err != nil {
		return err
	}
	if e.step != nil {
		if err := e.step.machine.Close(); err != nil {
			return err
		}
		e.step = nil
	}
	e.arena.Release(0)
	s, err := newStep(e.m, builder{backend: e.m.Backend(), arena: e.arena}, tokens, scored)
	if err == nil {
		s.machine = G.NewTapeMachine(s.graph)
		e.step = s
	}
	return err
}

// step is the graph of a micro-batch of a certain size, and what of the micro-batch it reads.
type step struct {
	builder
	m       *model.Model
	machine G.VM
	before  func() // computes the leaves; nil: there is nothing to compute

	tokens         int
	ids, positions kernels.Tensor // I32 [T]
	rows, targets  kernels.Tensor // I32 [N]: the rows that have a target
	weights        kernels.Tensor // [N]
	batch          *model.Batch
	scored         scored
	scale          float32
	sum            float64 // of weights times losses

	nodes     map[*model.Param]*G.Node
	trained   []*model.Param
	by        []*G.Node // of trained
	gradients G.Nodes   // by these
}

// newStep builds the graph and has Gorgonia derive it.
func newStep(m *model.Model, b builder, tokens, scored int) (*step, error) {
	b.graph = G.NewGraph()
	s := &step{builder: b, m: m, tokens: tokens, nodes: map[*model.Param]*G.Node{}}
	ints := func(n int) kernels.Tensor { return s.arena.Alloc(kernels.I32, n) }
	s.ids, s.positions = ints(tokens), ints(tokens)
	s.rows, s.targets, s.weights = ints(scored), ints(scored), s.f32(scored)
	loss := s.forward()
	if s.err != nil {
		return nil, fmt.Errorf("graph: %w", s.err)
	}
	var err error
	if s.gradients, err = G.Grad(loss, s.by...); err != nil {
		return nil, fmt.Errorf("graph: deriving: %w", err)
	}
	return s, nil
}

// run computes the gradients of a micro-batch and adds them to the parameters'.
func (s *step) run(b *model.Batch, scored scored, scale float32) (float64, error) {
	s.batch, s.scored, s.scale = b, scored, scale
	s.backend.WriteInts(s.ids, b.IDs)
	s.backend.WriteInts(s.positions, b.Positions)
	s.backend.WriteInts(s.rows, scored.rows)
	s.backend.WriteInts(s.targets, scored.targets)
	s.backend.Write(s.weights, scored.weights)
	if s.before != nil {
		s.before()
	}
	s.machine.Reset()
	if err := s.machine.RunAll(); err != nil {
		return 0, fmt.Errorf("graph: running: %w", err)
	}
	for i, p := range s.trained {
		t, err := tensorOf(s.gradients[i].Value())
		if err != nil {
			return 0, fmt.Errorf("graph: gradient of %s: %w", p.Name, err)
		}
		s.backend.Add(p.Grad, t)
	}
	return s.sum, s.backend.Sync()
}

// scored are the rows of a batch that have a target.
type scored struct {
	rows, targets []int32
	weights       []float32
}

func scoredRows(b *model.Batch) (s scored) {
	for t, target := range b.Targets {
		if target >= 0 {
			s.rows = append(s.rows, int32(t))
			s.targets = append(s.targets, target)
			s.weights = append(s.weights, b.Weights[t])
		}
	}
	return s
}
