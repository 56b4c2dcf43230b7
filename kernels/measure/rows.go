package main

import (
	"math/rand"

	"longlora/kernels"
	"longlora/kernels/cpu"
)

// rows prints the bandwidth of the operators that move more than they compute, on 4,096 tokens of
// the 15 M shape, and its share of what a copy of the same size reaches: reads and writes counted
// once, as by an ideal cache.
func (m *measure) rows() {
	const threads, t, d, ffn, heads = 2, 4096, 288, 768, 6
	b, err := cpu.New(threads)
	if err != nil {
		m.err = err
		return
	}
	defer b.Close()
	arena, err := b.NewArena(1 << 28)
	if err != nil {
		m.err = err
		return
	}
	defer arena.Close()
	rng := rand.New(rand.NewSource(1))
	tensor := func(shape ...int) kernels.Tensor {
		x := arena.Alloc(kernels.F32, shape...)
		b.Write(x, normal(rng, x.Len()))
		return x
	}
	x, y, dx, w, dw, rstd := tensor(t, d), tensor(t, d), tensor(t, d), tensor(d), tensor(d), tensor(t)
	gate, up, act := tensor(t, ffn), tensor(t, ffn), tensor(t, ffn)
	cos, sin, pos := tensor(t, d/heads/2), tensor(t, d/heads/2), arena.Alloc(kernels.I32, t)
	table, ids := tensor(32000, d), arena.Alloc(kernels.I32, t)
	numbers, tokens := make([]int32, t), make([]int32, t)
	for i := range numbers {
		numbers[i], tokens[i] = int32(i), rng.Int31n(32000)
	}
	b.WriteInts(pos, numbers)
	b.WriteInts(ids, tokens)
	b.RMSNorm(y, rstd, x, w, 1e-5)
	step := kernels.AdamWStep{LR: 1e-9, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, GradScale: 1, Step: 1}
	moment, second := tensor(t, d), tensor(t, d)
	b.Zero(second)
	const row, wide = 4 * t * d, 4 * t * ffn // bytes
	copied := &timed{run: func() { b.Copy(y, x) }}
	for _, op := range []struct {
		name  string
		bytes float64
		run   func()
	}{
		{"Copy", 2 * row, copied.run},
		{"Add", 3 * row, func() { b.Add(y, x) }},
		{"RMSNorm", 2 * row, func() { b.RMSNorm(y, rstd, x, w, 1e-5) }},
		{"RMSNormGrad", 4 * row, func() { b.RMSNormGrad(dx, dw, y, x, w, rstd) }},
		{"RoPE", 2 * row, func() { b.RoPE(x.SplitLast(d/heads), cos, sin, pos, false) }},
		{"SwiGLU", 3 * wide, func() { b.SwiGLU(act, gate, up) }},
		{"SwiGLUGrad", 5 * wide, func() { b.SwiGLUGrad(gate, up, act, gate, up) }},
		{"Embedding", 2 * row, func() { b.Embedding(y, table, ids) }},
		{"EmbeddingGrad", 3 * row, func() { b.EmbeddingGrad(table, y, ids) }},
		{"SumSquares", row, func() { b.SumSquares(x) }},
		{"AdamW", 7 * row, func() { b.AdamW(x, dx, moment, second, step) }},
	} {
		w := &timed{run: op.run}
		m.turns(copied, w)
		rate, top := op.bytes/w.best.Seconds(), 2*row/copied.best.Seconds()
		m.print(result{Name: op.name, Value: rate / top, Unit: "of a copy's bandwidth", Threads: threads,
			Work: "15M 4096 tokens", GBs: rate / 1e9, Ms: w.best.Seconds() * 1e3})
	}
}
