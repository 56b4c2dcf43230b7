package optimizer

import (
	"errors"
	"fmt"

	"longlora/kernels"
	"longlora/trainer/model"
	"longlora/trainer/safetensors"
)

// Least is the number of elements from which on a parameter's moments are in eight bits, as in
// bitsandbytes: smaller ones cost nothing and are often norms. Models are made with it as
// model.Options.MomentsBelow.
const Least = 4096

// chunk is the number of elements that are updated at a time, a multiple of Block.
const chunk = 1 << 16

// Moments are those of a model's parameters that have none of their own. They serve one goroutine at
// a time, as the model does.
type Moments struct {
	b          kernels.Backend
	signed     *code // of the first moment
	positive   *code // of the second
	of         map[*model.Param]*pair
	arena      kernels.Arena
	m, v       kernels.Tensor // scratch
	first, sec []float32      // scratch
}

// pair are a parameter's moments.
type pair struct{ first, second moment }

// moment is a code for each element and a greatest magnitude for each block.
type moment struct {
	codes    []uint8
	greatest []float32
}

// New returns moments of zero for all trained parameters of m that have none. They must be closed.
func New(m *model.Model) (*Moments, error) {
	s := &Moments{
		b: m.Backend(), signed: newCode(true), positive: newCode(false), of: map[*model.Param]*pair{},
		first: make([]float32, chunk), sec: make([]float32, chunk),
	}
	for _, p := range m.Params().Trainable() {
		if p.M.IsZero() {
			s.of[p] = &pair{newMoment(p.Len(), s.signed), newMoment(p.Len(), s.positive)}
		}
	}
	var err error
	if s.arena, err = s.b.NewArena(2 * 4 * chunk); err != nil {
		return nil, fmt.Errorf("optimizer: %w", err)
	}
	s.m, s.v = s.arena.Alloc(kernels.F32, chunk), s.arena.Alloc(kernels.F32, chunk)
	return s, nil
}

func newMoment(n int, c *code) moment {
	m := moment{make([]uint8, n), make([]float32, (n+Block-1)/Block)}
	zero := c.nearest(0)
	for i := range m.codes {
		m.codes[i] = zero
	}
	return m
}

// Bytes returns the memory of the moments of parameters that have none of their own, scratch included.
func Bytes(params model.Params) (n int64) {
	for _, p := range params.Trainable() {
		if p.M.IsZero() {
			n += 2 * int64(p.Len()+4*((p.Len()+Block-1)/Block))
		}
	}
	return n + 4*4*chunk
}

// Close releases the memory.
func (s *Moments) Close() error { return s.arena.Close() }

// Step updates a parameter: AdamW on the backend with moments that are kept here, or its own.
func (s *Moments) Step(p *model.Param, step kernels.AdamWStep) error {
	own := s.of[p]
	if own == nil {
		s.b.AdamW(p.Value, p.Grad, p.M, p.V, step)
		return nil
	}
	value, grad, n := p.Value.Flat(), p.Grad.Flat(), p.Len()
	for from := 0; from < n; from += chunk {
		to := min(from+chunk, n)
		m, v := s.m.Slice(0, 0, to-from), s.v.Slice(0, 0, to-from)
		first, second := s.first[:to-from], s.sec[:to-from]
		own.first.read(first, s.signed, from)
		own.second.read(second, s.positive, from)
		s.b.Write(m, first)
		s.b.Write(v, second)
		s.b.AdamW(value.Slice(0, from, to), grad.Slice(0, from, to), m, v, step)
		s.b.Read(first, m)
		s.b.Read(second, v)
		if err := s.b.Sync(); err != nil {
			return fmt.Errorf("optimizer: %s: %w", p.Name, err)
		}
		own.first.write(first, s.signed, from)
		own.second.write(second, s.positive, from)
	}
	return nil
}

// read decodes the elements from from on, which begin a block.
func (m *moment) read(x []float32, c *code, from int) {
	for at := 0; at < len(x); at += Block {
		to := min(at+Block, len(x))
		c.decode(x[at:to], m.codes[from+at:from+to], m.greatest[(from+at)/Block])
	}
}

func (m *moment) write(x []float32, c *code, from int) {
	for at := 0; at < len(x); at += Block {
		to := min(at+Block, len(x))
		m.greatest[(from+at)/Block] = c.encode(m.codes[from+at:from+to], x[at:to])
	}
}

// The prefixes of a checkpoint's tensors: codes (U8) and greatest magnitudes (F32) of both moments.
const (
	firstCodes, firstGreatest   = "m8/", "m8max/"
	secondCodes, secondGreatest = "v8/", "v8max/"
)

// Tensors returns a parameter's moments as a checkpoint has them; nil: they are its own.
func (s *Moments) Tensors(p *model.Param) []safetensors.Tensor {
	own := s.of[p]
	if own == nil {
		return nil
	}
	codes := func(prefix string, codes []uint8) safetensors.Tensor {
		return safetensors.Tensor{Name: prefix + p.Name, Shape: p.Shape(), DType: "U8",
			Raw: func() ([]byte, error) { return codes, nil }}
	}
	greatest := func(prefix string, values []float32) safetensors.Tensor {
		return safetensors.Tensor{Name: prefix + p.Name, Shape: []int{len(values)},
			DType: safetensors.F32, Load: safetensors.Values(values)}
	}
	return []safetensors.Tensor{
		codes(firstCodes, own.first.codes), greatest(firstGreatest, own.first.greatest),
		codes(secondCodes, own.second.codes), greatest(secondGreatest, own.second.greatest),
	}
}

// Restore reads what Tensors wrote.
func (s *Moments) Restore(p *model.Param, f *safetensors.File) error {
	own := s.of[p]
	return errors.Join(
		own.first.restore(f, firstCodes+p.Name, firstGreatest+p.Name),
		own.second.restore(f, secondCodes+p.Name, secondGreatest+p.Name))
}

func (m *moment) restore(f *safetensors.File, codes, greatest string) error {
	raw, err := f.Raw(codes)
	if err != nil {
		return err
	}
	values, _, err := f.Floats(greatest)
	if err != nil {
		return err
	}
	if len(raw) != len(m.codes) || len(values) != len(m.greatest) {
		return fmt.Errorf("tensors %s and %s have %d and %d elements, want %d and %d", codes, greatest,
			len(raw), len(values), len(m.codes), len(m.greatest))
	}
	copy(m.codes, raw)
	copy(m.greatest, values)
	return nil
}
