package main

import (
	"fmt"
	"math/rand"

	"longlora/kernels"
	"longlora/kernels/cpu"
	"longlora/kernels/peak"
	"longlora/kernels/simd"
)

// attention prints the share of two cores' peak, arithmetic of visible keys alone, and how many
// times faster than PyTorch's scaled_dot_product_attention it is.
func (m *measure) attention() {
	const threads = 2
	b, err := cpu.New(threads)
	if err != nil {
		m.err = err
		return
	}
	defer b.Close()
	for _, q := range []question{
		{T: 512, H: 6, KV: 6, D: 48}, {T: 2048, H: 6, KV: 6, D: 48}, {T: 1024, H: 12, KV: 12, D: 64},
		{T: 2048, H: 8, KV: 4, D: 16}, {T: 2048, H: 4, KV: 4, D: 128},
	} {
		m.attentionOf(b, q, threads)
	}
}

func (m *measure) attentionOf(b *cpu.Backend, q question, threads int) {
	arena, err := b.NewArena(int64(32 * q.T * (q.H + 1) * (q.D + 16)))
	if err != nil {
		m.err = err
		return
	}
	defer arena.Close()
	rng := rand.New(rand.NewSource(1))
	tensor := func(shape ...int) kernels.Tensor {
		t := arena.Alloc(kernels.F32, shape...)
		b.Write(t, normal(rng, t.Len()))
		return t
	}
	heads := func(h int) kernels.Tensor { return tensor(q.T, h, q.D) }
	qs, o, do, dq := heads(q.H), heads(q.H), heads(q.H), heads(q.H)
	k, v, dk, dv, lse := heads(q.KV), heads(q.KV), heads(q.KV), heads(q.KV), tensor(q.H, q.T)
	s := kernels.Segments{Groups: []kernels.HeadGroup{{To: q.H, Bounds: []int32{0, int32(q.T)}}}}
	forward := &timed{run: func() { b.Attention(o, lse, qs, k, v, s, 0.125) }}
	backward := &timed{run: func() { b.AttentionGrad(dq, dk, dv, do, o, lse, qs, k, v, s, 0.125) }}
	works := []*timed{forward, backward}
	if m.peer != nil {
		for _, op := range []string{"attention", "attention_grad"} {
			ask := q
			ask.Op, ask.Library, ask.Threads = op, "torch", threads
			works = append(works, &timed{ask: &ask})
		}
	}
	m.turns(works...)
	pairs := float64(q.T) * float64(q.T+1) / 2 * float64(q.H) * float64(q.D)
	work := fmt.Sprintf("T=%d H=%d KV=%d D=%d causal", q.T, q.H, q.KV, q.D)
	for i, name := range []string{"attention", "attention_grad"} {
		flops := pairs * []float64{4, 10}[i]
		r := result{Name: name, Unit: "of peak", Work: work, Threads: threads,
			Ms: works[i].best.Seconds() * 1e3, GFLOPs: flops / works[i].best.Seconds() / 1e9}
		if loop := peak.FMA(simd.Best()); loop != nil {
			took := best(func() { loop.Run(loopRounds) }, m.each)
			r.Value = r.GFLOPs * 1e9 / (loop.Flops * loopRounds / took.Seconds()) / float64(threads)
		}
		m.print(r)
		if m.peer != nil {
			m.print(result{Name: name + "_vs_torch", Unit: "times", Work: work, Threads: threads,
				Value: works[i+2].best.Seconds() / works[i].best.Seconds()})
		}
	}
}
