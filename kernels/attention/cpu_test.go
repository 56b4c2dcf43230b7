package attention

import (
	"fmt"
	"math"
	"testing"

	"longlora/kernels"
	"longlora/kernels/bf16"
	"longlora/kernels/kerneltest"
	"longlora/kernels/machine"
	"longlora/kernels/simd"
)

// problem is a call of attention and its gradient.
type problem struct {
	q, k, v, do kernels.Tensor
	o, lse      kernels.Tensor
	dq, dk, dv  kernels.Tensor
	s           kernels.Segments
	scale       float32
}

func newProblem(t *testing.T, queries, heads, keyHeads, d int, s kernels.Segments) *problem {
	keys := queries + s.Offset
	mem := kerneltest.New(t, 12*(keys+1)*(heads*d+6), int64(queries*1000+d))
	p := &problem{s: s, scale: float32(1 / math.Sqrt(float64(d)))}
	p.q, p.do = mem.Gapped(queries, heads*d).SplitLast(d), mem.Normal(queries, heads, d)
	p.k, p.v = mem.Normal(keys, keyHeads, d), mem.Gapped(keys, keyHeads*d).SplitLast(d)
	p.o, p.lse = mem.Empty(queries, heads, d), mem.Empty(heads, queries)
	p.dq, p.dk, p.dv = mem.Empty(queries, heads, d), mem.Empty(keys, keyHeads, d),
		mem.Empty(keys, keyHeads, d)
	return p
}

func (p *problem) run(m *machine.Machine) {
	CPU(m, p.o, p.lse, p.q, p.k, p.v, p.s, p.scale)
	CPUGrad(m, p.dq, p.dk, p.dv, p.do, p.o, p.lse, p.q, p.k, p.v, p.s, p.scale)
}

// one is a single head group's segments.
func one(heads int, bounds ...int32) kernels.Segments {
	return kernels.Segments{Groups: []kernels.HeadGroup{{From: 0, To: heads, Bounds: bounds}}}
}

// reference computes everything in float64.
func (p *problem) reference() (o, lse, dq, dk, dv []float64) {
	d := Shape{p.q.Dim(0), p.k.Dim(0), p.q.Dim(1), p.k.Dim(1), p.q.Dim(2)}
	q, k, v := kerneltest.Float64s(p.q), kerneltest.Float64s(p.k), kerneltest.Float64s(p.v)
	o, dq = make([]float64, len(q)), make([]float64, len(q))
	lse = make([]float64, d.Heads*d.Queries)
	dk, dv = make([]float64, len(k)), make([]float64, len(v))
	Reference(o, lse, q, k, v, d, p.s, float64(p.scale))
	ReferenceGrad(dq, dk, dv, kerneltest.Float64s(p.do), q, k, v, d, p.s, float64(p.scale))
	return o, lse, dq, dk, dv
}

func (p *problem) check(t *testing.T, m *machine.Machine) {
	t.Helper()
	p.run(m)
	o, lse, dq, dk, dv := p.reference()
	kerneltest.Close(t, "o", p.o, o, 4e-6, 0)
	kerneltest.Close(t, "lse", p.lse, lse, 4e-6, 0)
	kerneltest.Close(t, "dq", p.dq, dq, 2e-5, 0.1)
	kerneltest.Close(t, "dk", p.dk, dk, 2e-5, 0.1)
	kerneltest.Close(t, "dv", p.dv, dv, 2e-5, 0)
}

// checkBrain has operands that are brain floats already, so that scores are as exact as those of
// floats. What is rounded are probabilities and the gradients of scores, by up to 2^-8: results err
// by that part of the mass of their sums. Probabilities of a query sum to 1; those of the first key
// over n queries, where each has its share, sum to 1 + 1/2 + ... + 1/n. The other factors are
// normal.
func (p *problem) checkBrain(t *testing.T, m *machine.Machine) {
	t.Helper()
	for _, x := range []kernels.Tensor{p.q, p.k, p.v, p.do} {
		round(x)
	}
	p.run(m)
	o, lse, dq, dk, dv := p.reference()
	mass := 1 + math.Log(float64(p.q.Dim(0)))
	kerneltest.Close(t, "o", p.o, o, 0x1p-8, 1)
	kerneltest.Close(t, "lse", p.lse, lse, 8e-6, 1)
	kerneltest.Close(t, "dq", p.dq, dq, 0x1p-8, mass)
	kerneltest.Close(t, "dk", p.dk, dk, 0x1p-8, mass)
	kerneltest.Close(t, "dv", p.dv, dv, 0x1p-8, mass)
}

// round rounds [T, H, Dh] to brain floats.
func round(x kernels.Tensor) {
	for i := range x.Dim(0) {
		for h := range x.Dim(1) {
			row := machine.F32(x.Slice(0, i, i+1).Slice(1, h, h+1))
			for j, v := range row {
				row[j] = bf16.Float(bf16.Round(v))
			}
		}
	}
}

// TestCPUBrain crosses tiles and begins segments, blocks and pairs of queries at odd places.
func TestCPUBrain(t *testing.T) {
	kerneltest.EachBrain(t, func(t *testing.T, m *machine.Machine) {
		sizes, lengths := []int{1, 7, 16, 33, 48, 80, 112}, []int32{1, 2, 3, 5, 13, 67, keyTile + 45}
		if !m.Gemm.Words() || testing.Short() {
			sizes, lengths = []int{7, 48}, []int32{3, 67}
		}
		for _, d := range sizes {
			for _, n := range lengths {
				s := kernels.Segments{Groups: []kernels.HeadGroup{
					{From: 0, To: 2, Bounds: []int32{0, n}},
					{From: 2, To: 4, Bounds: cuts(n, 3, n/3, n/2+1, n-1)}}}
				for _, keyHeads := range []int{1, 4} {
					t.Run(fmt.Sprint(d, n, keyHeads), func(t *testing.T) {
						newProblem(t, int(n), 4, keyHeads, d, s).checkBrain(t, m)
					})
				}
			}
		}
		for _, offset := range []int{1, 128, 300} {
			for _, n := range []int{1, 5, 40} {
				keys := int32(n + offset)
				s := one(2, 0, keys/2, keys)
				s.Offset = offset
				newProblem(t, n, 2, 1, 16, s).checkBrain(t, m)
			}
		}
	})
}

// cuts are the bounds of n keys at those of places that are inside and in order.
func cuts(n int32, places ...int32) []int32 {
	all := []int32{0}
	for _, p := range places {
		if p > all[len(all)-1] && p < n {
			all = append(all, p)
		}
	}
	return append(all, n)
}

func TestCPU(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		sizes, lengths := []int{1, 16, 32, 48, 80}, []int32{1, 2, 13, 67, 130}
		if testing.Short() {
			sizes, lengths = []int{1, 48}, []int32{13, 130}
		}
		for _, d := range sizes {
			for _, n := range lengths {
				shifted := []int32{0, n}
				if n > 2 {
					shifted = []int32{0, n / 3, n - 1, n}
				}
				s := kernels.Segments{Groups: []kernels.HeadGroup{
					{From: 0, To: 3, Bounds: []int32{0, n}}, {From: 3, To: 6, Bounds: shifted}}}
				for _, keyHeads := range []int{1, 2, 6} {
					t.Run(fmt.Sprint(d, n, keyHeads), func(t *testing.T) {
						newProblem(t, int(n), 6, keyHeads, d, s).check(t, m)
					})
				}
			}
		}
	})
}

// TestCPUHeadSizes has the sizes of models' heads, and odd ones.
func TestCPUHeadSizes(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		sizes := []int{33, 64, 96, 100, 112, 128, 160, 256}
		if testing.Short() {
			sizes = []int{33, 112}
		}
		for _, d := range sizes {
			newProblem(t, 50, 2, 1, d, one(2, 0, 17, 50)).check(t, m)
		}
	})
}

// TestCPUTiles crosses the tiles of both directions.
func TestCPUTiles(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		const n = 2*keyTile + gradTile/2
		s := kernels.Segments{Groups: []kernels.HeadGroup{{From: 0, To: 1, Bounds: []int32{0, n}},
			{From: 1, To: 2, Bounds: []int32{0, gradTile - 1, keyTile + 5, n}}}}
		newProblem(t, n, 2, 1, 32, s).check(t, m)
	})
}

func TestCPUOffset(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		for _, offset := range []int{1, 127, 128, 300} {
			for _, n := range []int{1, 5, 40} {
				keys := int32(n + offset)
				s := one(2, 0, keys/2, keys)
				s.Offset = offset
				newProblem(t, n, 2, 1, 16, s).check(t, m)
			}
		}
	})
}

// TestCPUConflictingStrides has rows a page of a cache apart, so that operands are copied.
func TestCPUConflictingStrides(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		p := newProblem(t, 35, pageFloats/32, pageFloats/32, 32, one(pageFloats/32, 0, 20, 35))
		p.check(t, m)
	})
}

// TestCPUNoLeak requires that a query's output has the same bits whatever the later tokens hold,
// and however many there are.
func TestCPUNoLeak(t *testing.T) {
	lengths := []int{keyTile - 1, keyTile, keyTile + 1, 2*keyTile + 1}
	step := 1
	if testing.Short() {
		step = 11
	}
	for n := 1; n <= 67; n += step {
		lengths = append(lengths, n)
	}
	each := func(t *testing.T, m *machine.Machine) {
		for _, n := range lengths {
			for _, group := range []int{1, 5, 33} {
				noLeak(t, m, n, group)
			}
		}
	}
	kerneltest.EachTier(t, each)
	kerneltest.EachBrain(t, each)
}

// noLeak computes n tokens in odd groups and packed documents, then a prefix of them, alone and
// with others behind it.
func noLeak(t *testing.T, m *machine.Machine, n, group int) {
	t.Helper()
	const heads, d = 2, 16
	p := newProblem(t, n, heads, 1, d, steps(n, group, 2*n/3))
	CPU(m, p.o, p.lse, p.q, p.k, p.v, p.s, p.scale)
	want := kerneltest.Float32s(p.o)
	for _, cut := range []int{1, n / 2, n - 1} {
		if cut < 1 || cut >= n {
			continue
		}
		alone := newProblem(t, cut, heads, 1, d, steps(cut, group, 2*n/3))
		CPU(m, alone.o, alone.lse, p.q.Slice(0, 0, cut), p.k.Slice(0, 0, cut), p.v.Slice(0, 0, cut),
			alone.s, p.scale)
		same(t, "without later tokens", n, cut, kerneltest.Float32s(alone.o), want)
		for _, x := range []kernels.Tensor{p.q, p.k, p.v} {
			disturb(x.Slice(0, cut, n))
		}
		CPU(m, p.o, p.lse, p.q, p.k, p.v, p.s, p.scale)
		same(t, "with other later tokens", n, cut, kerneltest.Float32s(p.o)[:cut*heads*d], want)
		p = newProblem(t, n, heads, 1, d, p.s)
	}
}

// steps are groups within documents that end at n and, if it is inside, at document: the first head
// unshifted, the second shifted by half a group.
func steps(n, group, document int) kernels.Segments {
	bounds := func(shift int) []int32 {
		all := []int32{0}
		for p := 1; p < n; p++ {
			start := 0
			if p >= document && document > 0 {
				start = document
			}
			if p == start || p > start && (p-start)%group == shift%group && (p-start) >= shift {
				all = append(all, int32(p))
			}
		}
		return append(all, int32(n))
	}
	return kernels.Segments{Groups: []kernels.HeadGroup{
		{From: 0, To: 1, Bounds: bounds(0)}, {From: 1, To: 2, Bounds: bounds(group / 2)}}}
}

// disturb makes values huge, infinite or NaN.
func disturb(t kernels.Tensor) {
	for i := range t.Dim(0) {
		for h := range t.Dim(1) {
			row := machine.F32(t.Slice(0, i, i+1).Slice(1, h, h+1))
			for j := range row {
				row[j] = row[j]*1e6 - 1e7
			}
			odd := []float64{1, math.Inf(1), math.Inf(-1), math.NaN()}[t.Dim(0)%4]
			row[i%len(row)] = float32(odd)
		}
	}
}

func same(t *testing.T, how string, n, cut int, got, want []float32) {
	t.Helper()
	if at := kerneltest.Differ(got, want[:len(got)]); at >= 0 {
		t.Fatalf("%d tokens, the first %d %s: element %d is %g, want %g", n, cut, how, at, got[at],
			want[at])
	}
}

func TestCPUSameBits(t *testing.T) {
	kerneltest.SameBits(t, func(m *machine.Machine) []float32 {
		var all []float32
		for _, keyHeads := range []int{1, 2} {
			p := newProblem(t, 263, 4, keyHeads, 48, kernels.Segments{Groups: []kernels.HeadGroup{
				{From: 0, To: 1, Bounds: []int32{0, 263}},
				{From: 1, To: 4, Bounds: []int32{0, 100, 263}}}})
			p.run(m)
			for _, x := range []kernels.Tensor{p.o, p.lse, p.dq, p.dk, p.dv} {
				all = append(all, kerneltest.Float32s(x)...)
			}
		}
		return all
	})
}

func TestCPURefuses(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		for _, s := range []kernels.Segments{
			one(2, 0, 4), one(2, 1, 5), one(1, 0, 5), {},
			{Groups: one(2, 0, 5).Groups, Offset: 1}} {
			p := newProblem(t, 5, 2, 1, 8, one(2, 0, 5))
			p.s = s
			kerneltest.Panics(t, fmt.Sprint(s), func() { p.run(m) })
		}
	})
}

// BenchmarkAttention reports the arithmetic of the products alone, causal halves only: 2 products
// forward, 5 backward.
func BenchmarkAttention(b *testing.B) {
	for _, c := range []struct{ tokens, group, heads, d int }{
		{4096, 1024, 6, 32}, {4096, 4096, 6, 32}, {2048, 512, 8, 16}, {4096, 1024, 8, 64},
		{4096, 1024, 4, 128},
	} {
		m := machine.New(1, simd.Best())
		mem := kerneltest.New(b, 12*c.tokens*c.heads*(c.d+16), 1)
		x := func() kernels.Tensor { return mem.Normal(c.tokens, c.heads*c.d).SplitLast(c.d) }
		q, k, v, o, do, dq, dk, dv := x(), x(), x(), x(), x(), x(), x(), x()
		lse := mem.Empty(c.heads, c.tokens)
		var bounds []int32
		for n := 0; n <= c.tokens; n += c.group {
			bounds = append(bounds, int32(n))
		}
		s := one(c.heads, bounds...)
		flops := float64(c.tokens) * float64(c.group+1) / 2 * float64(c.heads*c.d) * 2
		report := func(b *testing.B, products float64) {
			b.ReportMetric(products*flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		}
		name := fmt.Sprintf("T=%d/G=%d/H=%dx%d", c.tokens, c.group, c.heads, c.d)
		b.Run("forward/"+name, func(b *testing.B) {
			for b.Loop() {
				CPU(m, o, lse, q, k, v, s, 0.2)
			}
			report(b, 2)
		})
		b.Run("backward/"+name, func(b *testing.B) {
			for b.Loop() {
				CPUGrad(m, dq, dk, dv, do, o, lse, q, k, v, s, 0.2)
			}
			report(b, 5)
		})
		m.Close()
	}
}
