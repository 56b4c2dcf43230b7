package main

import (
	"fmt"
	"math"
	"math/rand"

	"longlora/kernels/gemm"
	"longlora/kernels/parallel"
	"longlora/kernels/peak"
	"longlora/kernels/simd"
)

// shape is a matrix product of a form: NT x Wᵀ of a forward pass, NN dy W of a backward pass, and TN
// dyᵀ x, a weight's gradient.
type shape struct {
	model   string
	m, n, k int
	form    string
}

var forms = []string{"NN", "NT", "TN"}

// shapes are the products of models' linear layers and head: one of each size and form.
func shapes() []shape {
	var all []shape
	for _, c := range []struct {
		name                       string
		tokens, d, ffn, vocabulary int
	}{
		{"656K", 2048, 128, 384, 2048},
		{"15M", 2048, 288, 768, 32000},
		{"110M", 1024, 768, 2048, 32000},
	} {
		for _, layer := range [][2]int{{c.d, c.d}, {c.ffn, c.d}, {c.d, c.ffn}} {
			out, in := layer[0], layer[1]
			all = append(all, shape{c.name, c.tokens, out, in, "NT"},
				shape{c.name, c.tokens, in, out, "NN"}, shape{c.name, out, in, c.tokens, "TN"})
		}
		// The head as the loss takes it: a block of 1,024 tokens of the vocabulary, 512 rows.
		all = append(all, shape{c.name + " head", 512, 1024, c.d, "NT"},
			shape{c.name + " head", 512, c.d, 1024, "NN"},
			shape{c.name + " head", 1024, c.d, 512, "TN"})
	}
	return all
}

// thin are the products of an adapter of rank 8.
func thin() []shape {
	return []shape{{"15M adapter", 2048, 8, 288, "NT"}, {"15M adapter", 2048, 288, 8, "NT"},
		{"15M adapter", 2048, 8, 288, "NN"}, {"15M adapter", 8, 288, 2048, "TN"},
		{"15M adapter", 288, 8, 2048, "TN"}}
}

func (s shape) String() string {
	return fmt.Sprintf("%s %dx%dx%d %s", s.model, s.m, s.n, s.k, s.form)
}

func (s shape) flops() float64 { return 2 * float64(s.m) * float64(s.n) * float64(s.k) }

// work returns the product on a driver.
func (s shape) work(d *gemm.Driver) *timed {
	rng := rand.New(rand.NewSource(1))
	a := gemm.A{Data: normal(rng, s.m*s.k), Row: s.k, Col: 1}
	b := gemm.B{F32: normal(rng, s.k*s.n), Row: s.n, Col: 1}
	if s.form[0] == 'T' {
		a.Row, a.Col = 1, s.m
	}
	if s.form[1] == 'T' {
		b.Row, b.Col = 1, s.k
	}
	c := gemm.C{Data: make([]float32, s.m*s.n), Row: s.n}
	return &timed{run: func() { d.Multiply(c, a, b, s.m, s.n, s.k, false) }}
}

func normal(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// products prints the share of a core's peak, of each shape and the mean over forms.
func (m *measure) products() {
	m.share("sgemm", peak.FMA(simd.Best()), gemm.Float)
	m.share("bf16_gemm", peak.Dot(), gemm.Brain)
}

const loopRounds = 200_000

func (m *measure) share(name string, loop *peak.Loop, p gemm.Precision) {
	if loop == nil {
		return // no such instructions
	}
	pool := parallel.New(1)
	defer pool.Close()
	d := gemm.NewDriver(pool, simd.Best(), p)
	sums, counts := map[string]float64{}, map[string]float64{}
	for _, s := range append(shapes(), thin()...) {
		top, w := &timed{run: func() { loop.Run(loopRounds) }}, s.work(d)
		m.turns(top, w)
		rate := s.flops() / w.best.Seconds()
		share := rate / (loop.Flops * loopRounds / top.best.Seconds())
		m.print(result{Name: name + "_share", Value: share, Unit: "of peak", Work: s.String(),
			Threads: 1, GFLOPs: rate / 1e9})
		if s.model != "15M adapter" {
			sums[s.form] += share
			counts[s.form]++
		}
	}
	var mean float64
	for _, f := range forms {
		mean += sums[f] / counts[f] / float64(len(forms))
	}
	m.print(result{Name: name + "_share_of_peak", Value: mean, Unit: "of peak", Threads: 1,
		Work: "mean over NN, NT and TN"})
}

// productPeers prints how many times faster than other libraries the products are, geometric means.
func (m *measure) productPeers() {
	if m.peer == nil {
		return
	}
	pool := parallel.New(2)
	defer pool.Close()
	m.against(gemm.NewDriver(pool, simd.Best(), gemm.Float), "sgemm_2t", "openblas", "onednn", "mkl")
	m.against(gemm.NewDriver(pool, simd.Best(), gemm.Brain), "bf16_gemm_2t", "onednn_bf16")
}

func (m *measure) against(d *gemm.Driver, name string, libraries ...string) {
	logs, all := make([]float64, len(libraries)), shapes()
	for _, s := range all {
		works := []*timed{s.work(d)}
		for _, l := range libraries {
			works = append(works, &timed{ask: &question{Op: "mm", Library: l, Threads: 2, M: s.m, N: s.n,
				K: s.k, Form: s.form}})
		}
		m.turns(works...)
		for i, l := range libraries {
			ratio := works[i+1].best.Seconds() / works[0].best.Seconds()
			logs[i] += math.Log(ratio)
			m.print(result{Name: name + "_speed_vs_" + l, Value: ratio, Unit: "times", Work: s.String(),
				Threads: 2, GFLOPs: s.flops() / works[0].best.Seconds() / 1e9})
		}
	}
	for i, l := range libraries {
		m.print(result{Name: name + "_vs_" + l, Value: math.Exp(logs[i] / float64(len(all))),
			Unit: "times", Threads: 2, Work: "geometric mean over the models' shapes"})
	}
}
