package linear

import (
	"fmt"
	"math"
	"testing"

	"longlora/kernels"
	"longlora/kernels/difference"
	"longlora/kernels/kerneltest"
	"longlora/kernels/machine"
)

// newDoRA is newProblem with a magnitude a little off the norms.
func newDoRA(t *testing.T, rows, in, out, rank int, dropout float32) *problem {
	p := newProblem(t, rows, in, out, rank, dropout, false)
	mem := kerneltest.New(t, 4*out, int64(out))
	p.l.Magnitude, p.l.Norm = mem.Normal(out), mem.Zeros(out)
	p.g.DMagnitude, p.g.DW = mem.Normal(out), kernels.Tensor{}
	norms := make([]float64, out)
	ReferenceNorms(norms, p.operand())
	for o, n := range norms {
		machine.F32(p.l.Norm)[o] = float32(n)
		machine.F32(p.l.Magnitude)[o] = float32(n) * (1 + 0.1*machine.F32(p.l.Magnitude)[o])
	}
	return p
}

func (p *problem) dora() Operand {
	o := p.operand()
	o.Magnitude, o.Norm = kerneltest.Float64s(p.l.Magnitude), kerneltest.Float64s(p.l.Norm)
	return o
}

func TestDoRA(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		for _, rows := range []int{1, 13, doraRows + 3} {
			for _, dropout := range []float32{0, 0.25} {
				t.Run(fmt.Sprintf("%d/%g", rows, dropout), func(t *testing.T) {
					newDoRA(t, rows, 33, 67, 3, dropout).checkDoRA(t, m)
				})
			}
		}
	})
}

func (p *problem) checkDoRA(t *testing.T, m *machine.Machine) {
	t.Helper()
	op := p.dora()
	x, dy := kerneltest.Float64s(p.x), kerneltest.Float64s(p.dy)
	y, u := kerneltest.Float64s(p.y), make([]float64, p.x.Dim(0)*p.rank)
	Reference(y, u, x, op, true)
	g := Gradients{kerneltest.Float64s(p.dx), nil, kerneltest.Float64s(p.g.DA),
		kerneltest.Float64s(p.g.DB), kerneltest.Float64s(p.g.DMagnitude)}
	ReferenceGrad(g, dy, x, u, op)
	p.run(m)
	// As in check; with dropout there are two products of W, and gains are within 1.5.
	sum := func(n int) float64 { return float64(n+8) * 0x1p-24 }
	mass := func(n int) float64 { return 3 * float64(n+1) * float64(1+p.rank) }
	rows, in, out := p.x.Dim(0), op.In, op.Out
	kerneltest.Close(t, "y", p.y, y, sum(in+p.rank), mass(in))
	kerneltest.Close(t, "u", p.u, u, sum(in), mass(in))
	kerneltest.Close(t, "dx", p.dx, g.DX, sum(out+p.rank), mass(out))
	kerneltest.Close(t, "dA", p.g.DA, g.DA, sum(rows+out), mass(rows)*math.Sqrt(mass(out)))
	kerneltest.Close(t, "dB", p.g.DB, g.DB, sum(rows+in), mass(rows)*math.Sqrt(mass(in)))
	kerneltest.Close(t, "dm", p.g.DMagnitude, g.DMagnitude, sum(rows+in), mass(rows)*math.Sqrt(mass(in)))
}

// TestDoRAReferenceGrad holds the reference's gradients against finite differences of its forward
// formula, the norms held constant.
func TestDoRAReferenceGrad(t *testing.T) {
	for _, dropout := range []float32{0, 0.25} {
		p := newDoRA(t, 3, 5, 4, 2, dropout)
		op, x, dy := p.dora(), kerneltest.Float64s(p.x), kerneltest.Float64s(p.dy)
		u, y := make([]float64, 3*2), make([]float64, len(dy))
		loss := func() float64 {
			Reference(y, u, x, op, false)
			return difference.Weighted(dy, y)
		}
		loss()
		g := Gradients{make([]float64, len(x)), nil, make([]float64, len(op.A)),
			make([]float64, len(op.B)), make([]float64, op.Out)}
		ReferenceGrad(g, dy, x, u, op)
		difference.Check(t, "x", x, g.DX, loss)
		difference.Check(t, "A", op.A, g.DA, loss)
		difference.Check(t, "B", op.B, g.DB, loss)
		difference.Check(t, "m", op.Magnitude, g.DMagnitude, loss)
	}
}

func TestDoRAAbsent(t *testing.T) {
	for _, dropout := range []float32{0, 0.5} {
		checkAbsent(t, func() *problem { return newDoRA(t, 20, 9, 11, 2, dropout) },
			func(p *problem) []*kernels.Tensor {
				return []*kernels.Tensor{&p.dx, &p.g.DA, &p.g.DB, &p.g.DMagnitude}
			})
	}
}

func TestDoRASameBits(t *testing.T) {
	kerneltest.SameBits(t, func(m *machine.Machine) []float32 {
		p := newDoRA(t, doraRows+40, 70, 81, 8, 0.1)
		NormsCPU(m, p.l.Norm, p.l)
		p.run(m)
		var all []float32
		for _, x := range []kernels.Tensor{p.l.Norm, p.y, p.u, p.dx, p.g.DA, p.g.DB, p.g.DMagnitude} {
			all = append(all, kerneltest.Float32s(x)...)
		}
		return all
	})
}

func TestNorms(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		for _, rank := range []int{0, 3} {
			p := newProblem(t, 1, 67, 41, rank, 0, rank == 0)
			norms := kerneltest.New(t, 64, 1).Empty(41)
			want := make([]float64, 41)
			ReferenceNorms(want, p.operand())
			NormsCPU(m, norms, p.l)
			// rank+1 roundings an element, whose squares add up exactly; twice for the square root.
			kerneltest.Close(t, "norms", norms, want, float64(rank+3)*0x1p-24, 67)
		}
	})
}
