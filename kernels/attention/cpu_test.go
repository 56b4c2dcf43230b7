package attention

import (
	"fmt"
	"math"
	"testing"

	"longlora/kernels"
	"longlora/kernels/kerneltest"
	"longlora/kernels/machine"
)

// problem is a call of attention and its gradient.
type problem struct {
	q, k, v, do    kernels.Tensor
	o, lse         kernels.Tensor
	dq, dk, dv     kernels.Tensor
	s              kernels.Segments
	scale          float32
	mem            *kerneltest.Memory
	keys, keyHeads int
}

func newProblem(t *testing.T, queries, heads, keyHeads, d int, s kernels.Segments) *problem {
	keys := queries + s.Offset
	mem := kerneltest.New(t, 20*(keys+8)*(heads+8)*(d+24), int64(queries*1000+d))
	p := &problem{s: s, scale: float32(1 / math.Sqrt(float64(d))), mem: mem, keys: keys,
		keyHeads: keyHeads}
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

// naive computes everything in float64, straight from the formulas.
func (p *problem) naive() (o, lse, dq, dk, dv []float64) {
	queries, heads, d := p.q.Dim(0), p.q.Dim(1), p.q.Dim(2)
	q, k, v := kerneltest.Float64s(p.q), kerneltest.Float64s(p.k), kerneltest.Float64s(p.v)
	do := kerneltest.Float64s(p.do)
	o, lse, dq = make([]float64, len(q)), make([]float64, heads*queries), make([]float64, len(q))
	dk, dv = make([]float64, len(k)), make([]float64, len(v))
	for _, g := range p.s.Groups {
		for h := g.From; h < g.To; h++ {
			kh := h / (heads / p.keyHeads)
			for i := range queries {
				position, start := i+p.s.Offset, 0
				for _, b := range g.Bounds {
					if int(b) <= position {
						start = int(b)
					}
				}
				at := func(j int) int { return (j*p.keyHeads + kh) * d }
				row := (i*heads + h) * d
				scores, sum := make([]float64, position+1), 0.0
				for j := start; j <= position; j++ {
					for x := range d {
						scores[j] += float64(p.scale) * q[row+x] * k[at(j)+x]
					}
					sum += math.Exp(scores[j])
				}
				lse[h*queries+i] = math.Log(sum)
				delta := 0.0
				for j := start; j <= position; j++ {
					scores[j] = math.Exp(scores[j]) / sum
					for x := range d {
						o[row+x] += scores[j] * v[at(j)+x]
						delta += scores[j] * v[at(j)+x] * do[row+x]
					}
				}
				for j := start; j <= position; j++ {
					dp := -delta
					for x := range d {
						dp += do[row+x] * v[at(j)+x]
						dv[at(j)+x] += scores[j] * do[row+x]
					}
					ds := scores[j] * dp * float64(p.scale)
					for x := range d {
						dq[row+x] += ds * k[at(j)+x]
						dk[at(j)+x] += ds * q[row+x]
					}
				}
			}
		}
	}
	return o, lse, dq, dk, dv
}

func (p *problem) check(t *testing.T, m *machine.Machine) {
	t.Helper()
	p.run(m)
	o, lse, dq, dk, dv := p.naive()
	kerneltest.Close(t, "o", p.o, o, 4e-6, 0)
	kerneltest.Close(t, "lse", p.lse, lse, 4e-6, 0)
	kerneltest.Close(t, "dq", p.dq, dq, 2e-5, 0.1)
	kerneltest.Close(t, "dk", p.dk, dk, 2e-5, 0.1)
	kerneltest.Close(t, "dv", p.dv, dv, 2e-5, 0)
}

func TestAgainstNaive(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		for _, d := range []int{1, 16, 32, 48, 80} {
			for _, n := range []int32{1, 2, 13, 67, 130, 200} {
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

func TestOffset(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		for _, offset := range []int{1, 127, 128, 200} {
			for _, n := range []int{1, 5, 40} {
				keys := int32(n + offset)
				s := one(2, 0, keys/2, keys)
				s.Offset = offset
				newProblem(t, n, 2, 1, 16, s).check(t, m)
			}
		}
	})
}
