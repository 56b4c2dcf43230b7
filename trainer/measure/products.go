package main

import (
	"errors"

	"longlora/kernels"
	"longlora/kernels/cpu"
)

// products are the matrix products of a step with nothing between them, on buffers that stay: those
// of all linear layers and of the head. Attention's are not among them.
type products struct {
	backend *cpu.Backend
	arena   kernels.Arena
	all     []product
	flops   float64
}

// product is a linear layer of some shape, how often a step has it, and whether its weights are
// trained.
type product struct {
	y, x, dx, dw kernels.Tensor
	w            kernels.Linear
	times        int
}

func openProducts(q question) (*products, error) {
	s, err := openStep(q)
	if err != nil {
		return nil, err
	}
	c := s.m.Config()
	if err := errors.Join(s.m.Close(), s.backend.Close()); err != nil {
		return nil, err
	}
	precision := kernels.F32
	if q.Precision == "bf16" {
		precision = kernels.BF16
	}
	p := &products{}
	if p.backend, err = cpu.Open(cpu.Options{Threads: q.Threads, Precision: precision}); err != nil {
		return nil, err
	}
	if p.arena, err = p.backend.NewArena(4 << 30); err != nil {
		return nil, err
	}
	heads, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	p.add(q.Context, c.Hidden, heads, c.Layers, false)   // q
	p.add(q.Context, c.Hidden, kv, 2*c.Layers, false)    // k, v
	p.add(q.Context, heads, c.Hidden, c.Layers, false)   // o
	p.add(q.Context, c.Hidden, c.FFN, 2*c.Layers, false) // gate, up
	p.add(q.Context, c.FFN, c.Hidden, c.Layers, false)   // down
	for from := 0; from < q.Context; from += headRows {
		p.add(min(headRows, q.Context-from), c.Hidden, c.Vocab, 1, c.Tied)
	}
	return p, nil
}

// headRows bounds the rows of the head's products, whose results would otherwise take gigabytes.
const headRows = 1024

func (p *products) add(tokens, in, out, times int, trained bool) {
	cut := func(shape ...int) kernels.Tensor {
		t := p.arena.Alloc(kernels.F32, shape...)
		values := make([]float32, t.Len())
		for i := range values {
			values[i] = float32(i%13-6) / 64
		}
		p.backend.Write(t, values)
		return t
	}
	n := product{
		x: cut(tokens, in), y: cut(tokens, out), dx: cut(tokens, in), times: times,
		w: kernels.Linear{W: kernels.Dense{Tensor: cut(out, in)}},
	}
	one := 2 * float64(tokens) * float64(in) * float64(out) * float64(times)
	p.flops += 2 * one
	if trained {
		n.dw = cut(out, in)
		p.flops += one
	}
	p.all = append(p.all, n)
}

func (p *products) do(times int, a *answer) error {
	for range times {
		for _, n := range p.all {
			for range n.times {
				p.backend.Linear(n.y, n.x, n.w, kernels.Tensor{}, false)
				p.backend.LinearGrad(n.dx, kernels.LinearGrad{DW: n.dw}, n.y, n.x, n.w, kernels.Tensor{})
			}
		}
	}
	a.FLOPs = p.flops
	return p.backend.Sync()
}

func (p *products) close() error { return errors.Join(p.arena.Close(), p.backend.Close()) }
