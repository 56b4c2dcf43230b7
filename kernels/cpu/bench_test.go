package cpu

import (
	"fmt"
	"testing"

	"longlora/kernels"
)

// network is the size of a LLaMA-style model and of its training step.
type network struct {
	name                                       string
	tokens, group, d, layers, heads, headDim   int
	ffn, vocabulary, rank                      int
	full                                       bool // all weights are trained, not adapters alone
	h, x1, dx, dh                              kernels.Tensor
	q, k, v, o, lse, dq, dk, dv                kernels.Tensor
	gate, up, a, da, rstd, u, cos, sin         kernels.Tensor
	pos, ids, weights, losses, norm, dNorm     kernels.Tensor
	table, dTable, square, wide, dSquare, dWid kernels.Tensor
	loraA, loraB, dA, dB, m, vv                kernels.Tensor
	segments                                   kernels.Segments
}

var networks = []network{
	{name: "base", tokens: 4096, group: 1024, d: 192, layers: 5, heads: 6, headDim: 32, ffn: 512,
		vocabulary: 4096, rank: 8},
	{name: "base-full", tokens: 512, group: 512, d: 192, layers: 5, heads: 6, headDim: 32, ffn: 512,
		vocabulary: 4096, full: true},
	{name: "stories", tokens: 2048, group: 512, d: 128, layers: 2, heads: 8, headDim: 16, ffn: 384,
		vocabulary: 2048, rank: 8},
}

func BenchmarkStep(b *testing.B) {
	for _, n := range networks {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/threads=%d", n.name, threads), func(b *testing.B) {
				benchmarkStep(b, n, threads)
			})
		}
	}
}

func benchmarkStep(b *testing.B, n network, threads int) {
	backend, err := New(threads) // LONGLORA_SIMD chooses the tier
	if err != nil {
		b.Fatal(err)
	}
	defer backend.Close()
	arena, err := backend.NewArena(1 << 29)
	if err != nil {
		b.Fatal(err)
	}
	defer arena.Close()
	n.allocate(backend, arena)
	for b.Loop() {
		n.step(backend)
	}
	b.ReportMetric(n.flops()*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
	b.ReportMetric(float64(n.tokens*b.N)/b.Elapsed().Seconds(), "tokens/s")
}

// flops is the arithmetic of a step's products.
func (n *network) flops() float64 {
	t, d := float64(n.tokens), float64(n.d)
	linear := 2 * t * (4*d*d + 3*d*float64(n.ffn)) * float64(n.layers)
	head := 2 * t * d * float64(n.vocabulary)
	attention := t * float64(n.group) * d * float64(n.layers) // one causal product
	if n.full {
		return 3*linear + 3*head + 7*attention
	}
	return 2*linear + 3*head + 7*attention
}

func (n *network) allocate(b *Backend, arena kernels.Arena) {
	f := func(shape ...int) kernels.Tensor {
		t := arena.Alloc(kernels.F32, shape...)
		values := make([]float32, t.Len())
		for i := range values {
			values[i] = float32(i%17-8) / 64
		}
		b.Write(t, values)
		return t
	}
	ints := func(limit int) kernels.Tensor {
		t := arena.Alloc(kernels.I32, n.tokens)
		values := make([]int32, n.tokens)
		for i := range values {
			values[i] = int32(i * 7 % limit)
		}
		b.WriteInts(t, values)
		return t
	}
	t, d := n.tokens, n.d
	n.h, n.x1, n.dx, n.dh = f(t, d), f(t, d), f(t, d), f(t, d)
	n.q, n.k, n.v, n.o, n.lse = f(t, d), f(t, d), f(t, d), f(t, d), f(n.heads, t)
	n.dq, n.dk, n.dv = f(t, d), f(t, d), f(t, d)
	n.gate, n.up, n.a, n.da, n.rstd = f(t, n.ffn), f(t, n.ffn), f(t, n.ffn), f(t, n.ffn), f(t)
	n.cos, n.sin, n.pos, n.ids = f(t, n.headDim/2), f(t, n.headDim/2), ints(t), ints(n.vocabulary)
	n.weights, n.losses, n.norm, n.dNorm = f(t), f(t), f(d), f(d)
	n.table, n.dTable = f(n.vocabulary, d), f(n.vocabulary, d)
	n.square, n.dSquare, n.wide, n.dWid = f(d, d), f(d, d), f(n.ffn, d), f(n.ffn, d)
	if n.rank > 0 {
		n.u, n.loraA, n.loraB = f(t, n.rank), f(n.rank, d), f(d, n.rank)
		n.dA, n.dB = f(n.rank, d), f(d, n.rank)
	}
	n.m, n.vv = f(n.vocabulary, d), f(n.vocabulary, d)
	b.Zero(n.vv)
	half := n.heads / 2
	straight, shifted := []int32{0}, []int32{0}
	for p := n.group; p <= t; p += n.group {
		shifted = append(shifted, int32(p-n.group/2))
		straight = append(straight, int32(p))
	}
	n.segments = kernels.Segments{Groups: []kernels.HeadGroup{{From: 0, To: half, Bounds: straight},
		{From: half, To: n.heads, Bounds: append(shifted, int32(t))}}}
}

// attached is a d×d layer with its adapter, if there is one.
func (n *network) attached() (kernels.Linear, kernels.LinearGrad) {
	l := kernels.Linear{W: kernels.Dense{Tensor: n.square}, A: n.loraA, B: n.loraB, Scale: 2}
	if n.full {
		return l, kernels.LinearGrad{DW: n.dSquare}
	}
	return l, kernels.LinearGrad{DA: n.dA, DB: n.dB}
}

func (n *network) step(b *Backend) {
	b.Embedding(n.h, n.table, n.ids)
	for range n.layers {
		n.forward(b)
	}
	head := kernels.Linear{W: kernels.Dense{Tensor: n.table}}
	b.CrossEntropy(n.losses, n.dx, n.dTable, n.h, head, n.ids, n.weights, 1e-6)
	for range n.layers {
		n.backward(b)
	}
	b.EmbeddingGrad(n.dTable, n.dx, n.ids)
	b.SumSquares(n.dTable)
	b.AdamW(n.table, n.dTable, n.m, n.vv, kernels.AdamWStep{Beta1: 0.9, Beta2: 0.95, Eps: 1e-8,
		GradScale: 1, Step: 1})
	b.Zero(n.dTable)
}

func (n *network) heads3(t kernels.Tensor) kernels.Tensor { return t.SplitLast(n.headDim) }

func (n *network) forward(b *Backend) {
	none := kernels.Tensor{}
	l, _ := n.attached()
	up := kernels.Linear{W: kernels.Dense{Tensor: n.wide}}
	down := kernels.Linear{W: kernels.Dense{Tensor: n.wide.Reshape(n.d, n.ffn)}}
	b.RMSNorm(n.h, n.rstd, n.x1, n.norm, 1e-5)
	b.Linear(n.q, n.h, l, n.u, false)
	b.Linear(n.k, n.h, l, n.u, false)
	b.Linear(n.v, n.h, l, n.u, false)
	b.RoPE(n.heads3(n.q), n.cos, n.sin, n.pos, false)
	b.RoPE(n.heads3(n.k), n.cos, n.sin, n.pos, false)
	b.Attention(n.heads3(n.o), n.lse, n.heads3(n.q), n.heads3(n.k), n.heads3(n.v), n.segments, 0.1)
	b.Copy(n.dh, n.x1)
	b.Linear(n.dh, n.o, l, n.u, true)
	b.RMSNorm(n.h, n.rstd, n.x1, n.norm, 1e-5)
	b.Linear(n.gate, n.h, up, none, false)
	b.Linear(n.up, n.h, up, none, false)
	b.SwiGLU(n.a, n.gate, n.up)
	b.Copy(n.dh, n.x1)
	b.Linear(n.dh, n.a, down, none, true)
}

func (n *network) backward(b *Backend) {
	none := kernels.Tensor{}
	l, g := n.attached()
	wide := kernels.LinearGrad{}
	if n.full {
		wide.DW = n.dWid
	}
	tall := wide
	if n.full {
		tall.DW = n.dWid.Reshape(n.d, n.ffn)
	}
	up := kernels.Linear{W: kernels.Dense{Tensor: n.wide}}
	down := kernels.Linear{W: kernels.Dense{Tensor: n.wide.Reshape(n.d, n.ffn)}}
	b.Zero(n.da)
	b.Zero(n.dh)
	b.LinearGrad(n.da, tall, n.dx, n.a, down, none)
	b.SwiGLUGrad(n.gate, n.up, n.da, n.gate, n.up)
	b.LinearGrad(n.dh, wide, n.gate, n.h, up, none)
	b.LinearGrad(n.dh, wide, n.up, n.h, up, none)
	b.RMSNormGrad(n.dx, n.dNorm, n.dh, n.x1, n.norm, n.rstd)
	b.Zero(n.dh)
	b.LinearGrad(n.dh, g, n.dx, n.o, l, n.u)
	b.AttentionGrad(n.heads3(n.dq), n.heads3(n.dk), n.heads3(n.dv), n.heads3(n.dh), n.heads3(n.o),
		n.lse, n.heads3(n.q), n.heads3(n.k), n.heads3(n.v), n.segments, 0.1)
	b.RoPE(n.heads3(n.dq), n.cos, n.sin, n.pos, true)
	b.RoPE(n.heads3(n.dk), n.cos, n.sin, n.pos, true)
	b.Zero(n.dh)
	for _, dy := range []kernels.Tensor{n.dq, n.dk, n.dv} {
		b.LinearGrad(n.dh, g, dy, n.h, l, n.u)
	}
	b.RMSNormGrad(n.dx, n.dNorm, n.dh, n.x1, n.norm, n.rstd)
	b.Scale(n.dx, 1e-3)
	b.Zero(n.dNorm)
}
