package model

import (
	"errors"
	"math"

	"longlora/kernels"
)

// use is a kind of call that needs working memory.
type use uint8

const (
	useGradient use = iota
	useLosses
	useLogits
	uses
)

// workspace is the memory of a call's intermediate tensors, reserved for calls of up to so many
// tokens.
type workspace struct {
	arena   kernels.Arena
	size    int64
	kept    int64 // height after the last forward pass
	tokens  [uses]int
	offload offload
	pending *Pending // of the gradient that is handed over; nil: none is

	// What a call needs beside, kept for the next.
	layers                         []activations
	scored                         scored
	losses, compact, logits, noise []float32
	shape                          [kernels.MaxRank]int
}

// f32 cuts a tensor of floats off the arena. The shape does not go to the heap on its way.
func (m *Model) f32(shape ...int) kernels.Tensor {
	return m.work.arena.Alloc(kernels.F32, m.work.shape[:copy(m.work.shape[:], shape)]...)
}

// act is f32 in the storage of activations, with room behind the rows of a matrix.
func (m *Model) act(shape ...int) kernels.Tensor {
	d, n := m.options.activations(), copy(m.work.shape[:], shape)
	if n != 2 || m.options.Spare == 0 {
		return m.work.arena.Alloc(d, m.work.shape[:n]...)
	}
	width := m.work.shape[1]
	m.work.shape[1] += m.options.Spare
	return m.work.arena.Alloc(d, m.work.shape[:n]...).Slice(1, 0, width)
}

// ints is f32 for a list of integers.
func (m *Model) ints(n int) kernels.Tensor {
	m.work.shape[0] = n
	return m.work.arena.Alloc(kernels.I32, m.work.shape[:1]...)
}

func (m *Model) cleared(shape ...int) kernels.Tensor {
	t := m.act(shape...)
	m.b.Zero(t)
	return t
}

// grow returns n elements of *s, which is made longer if need be. They hold anything.
func grow(s *[]float32, n int) []float32 {
	if cap(*s) < n {
		*s = make([]float32, n)
	}
	return (*s)[:n]
}

func (w *workspace) close() error {
	err := w.offload.close()
	if w.arena == nil {
		return err
	}
	a := w.arena
	w.arena = nil
	return errors.Join(err, a.Close())
}

// ReserveGradient reserves the working memory of Gradient for micro-batches of up to tokens tokens,
// and ReserveLosses that of Losses; calls reserve what they need by themselves, so that these only
// serve to fail early.
func (m *Model) ReserveGradient(tokens int) error { return m.reserve(useGradient, tokens) }

// ReserveLosses is ReserveGradient for Losses.
func (m *Model) ReserveLosses(tokens int) error { return m.reserve(useLosses, tokens) }

// reserve makes room for a call of some kind, unless there is.
func (m *Model) reserve(u use, tokens int) error {
	if m.work.arena != nil && m.work.tokens[u] >= tokens {
		return nil
	}
	need, err := m.workBytes(u, tokens)
	if err != nil {
		return err
	}
	if m.work.arena == nil || need > m.work.size {
		if err := m.resize(need); err != nil {
			return err
		}
	}
	if u == useGradient {
		if err := m.reserveOffload(tokens); err != nil {
			return err
		}
	}
	m.work.tokens[u] = tokens
	return nil
}

func (m *Model) resize(need int64) error {
	if err := m.work.close(); err != nil {
		return err
	}
	arena, err := m.b.NewArena(need)
	if err != nil {
		m.work = workspace{}
		return err
	}
	m.work.arena, m.work.size = arena, need
	return nil
}

// GradientBytes counts the working memory of Gradient for a micro-batch of tokens tokens: all of
// it, and how much of that the forward pass keeps for the gradient.
func (m *Model) GradientBytes(tokens int) (all, kept int64, err error) {
	all, err = m.count(func(t *Model) error {
		err := t.planned(blank(tokens, t))
		kept = t.work.kept
		return err
	})
	return all, kept, err
}

func (m *Model) workBytes(u use, tokens int) (int64, error) {
	return m.count(func(t *Model) error {
		b := blank(tokens, t)
		switch u {
		case useGradient:
			return t.planned(b)
		case useLogits:
			return t.logits(b, discard)
		}
		return t.losses(b, nil)
	})
}

// StateBytes returns the memory of the parameters, and of the gradients and moments of what is
// trained.
func (m *Model) StateBytes() (values, training int64) { return m.params.bytes() }

// HostBytes returns what moments, and a gradient of a micro-batch of tokens tokens, take of the host's
// memory beside a GPU.
func (m *Model) HostBytes(tokens int) int64 { return m.params.moments() + m.hostBytes(tokens) }

// count runs a call on a twin over the planning backend and returns the height of its arena.
func (m *Model) count(call func(*Model) error) (int64, error) {
	b := m.options.Planner()
	twin, err := New(b, m.config, m.options)
	if err != nil {
		return 0, errors.Join(err, b.Close())
	}
	twin.mlpRows = m.mlpRows
	err = twin.unbounded()
	if err == nil {
		err = call(twin)
	}
	var peak int64
	if err == nil {
		peak = twin.work.arena.Peak()
	}
	return peak, errors.Join(err, twin.Close(), b.Close())
}

// unbounded gives a twin on a planning backend all the memory that there could be.
func (m *Model) unbounded() error {
	return errors.Join(m.resize(math.MaxInt64), m.reserveOffload(0))
}

// Blank returns a document that needs as much memory as any batch of its size can; heads is
// Config.Heads.
func Blank(tokens, heads int) *Batch {
	b := Document(make([]int32, tokens), heads)
	b.Targets[tokens-1] = 0
	return b
}

func blank(tokens int, m *Model) *Batch { return Blank(tokens, m.config.Heads) }

func discard(int, []float32) error { return nil }
