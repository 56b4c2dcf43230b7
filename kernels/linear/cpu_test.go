package linear

import (
	"fmt"
	"math"
	"testing"

	"longlora/kernels"
	"longlora/kernels/kerneltest"
	"longlora/kernels/machine"
)

// problem is a linear layer, its operands and its gradients.
type problem struct {
	t               *testing.T
	x, y, u, dx, dy kernels.Tensor
	l               kernels.Linear
	g               kernels.LinearGrad
	rank            int
}

func newProblem(t *testing.T, rows, in, out, rank int, dropout float32, brain bool) *problem {
	size := (rows+out)*(in+16)*3 + (rows+4*rank)*(in+out+32)*4 + in*rank*8
	mem := kerneltest.New(t, size, int64(rows*in))
	p := &problem{t: t, rank: rank, x: mem.Gapped(rows, in), y: mem.Gapped(rows, out),
		dx: mem.Normal(rows, in), dy: mem.Normal(rows, out)}
	w := mem.Normal(out, in)
	if brain {
		w = mem.Brain(out, in)
	}
	p.l = kernels.Linear{W: kernels.Dense{Tensor: w}}
	p.g.DW = mem.Normal(out, in)
	if rank == 0 {
		return p
	}
	p.u = mem.Empty(rows, rank)
	p.l.A, p.l.B = mem.Normal(rank, in), mem.Normal(out, rank)
	p.l.Scale, p.l.Dropout, p.l.Seed = 0.5, dropout, 77
	p.g.DA, p.g.DB = mem.Normal(rank, in), mem.Normal(out, rank)
	return p
}

func (p *problem) operand() Operand {
	return Operand{In: p.l.W.In(), Out: p.l.W.Out(), Rank: p.rank,
		W: kerneltest.Float64s(p.l.W.(kernels.Dense).Tensor), A: kerneltest.Float64s(p.l.A),
		B: kerneltest.Float64s(p.l.B), Scale: float64(p.l.Scale),
		Dropout: p.l.Dropout, Seed: p.l.Seed}
}

func (p *problem) run(m *machine.Machine) {
	CPU(m, p.y, p.x, p.l, p.u, true)
	CPUGrad(m, p.dx, p.g, p.dy, p.x, p.l, p.u)
}

func TestCPU(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		for _, rows := range []int{1, 13, 67, maskedRows + 1} {
			for _, in := range []int{1, 16, 67} {
				for _, out := range []int{1, 33, 80} {
					for rank, dropout := range map[int]float32{0: 0, 3: 0, 8: 0.25} {
						name := fmt.Sprintf("%dx%dx%d/r%d", rows, in, out, rank)
						t.Run(name, func(t *testing.T) {
							newProblem(t, rows, in, out, rank, dropout, in == 16).check(t, m)
						})
					}
				}
			}
		}
	})
}

func (p *problem) check(t *testing.T, m *machine.Machine) {
	t.Helper()
	op := p.operand()
	x, dy := kerneltest.Float64s(p.x), kerneltest.Float64s(p.dy)
	y, u := kerneltest.Float64s(p.y), make([]float64, p.x.Dim(0)*p.rank)
	Reference(y, u, x, op, true)
	g := Gradients{kerneltest.Float64s(p.dx), kerneltest.Float64s(p.g.DW),
		kerneltest.Float64s(p.g.DA), kerneltest.Float64s(p.g.DB), nil}
	ReferenceGrad(g, dy, x, u, op)
	p.run(m)
	// A sum of n products of normal variables errs by at most n+2 roundings of its mass n·2/π; a
	// product through the adapter has rank such sums, each times another normal variable.
	sum := func(n int) float64 { return float64(n+2) * 0x1p-24 }
	mass := func(n int) float64 { return float64(n + 1) }
	rows, rank, in, out := p.x.Dim(0), p.rank, op.In, op.Out
	through := func(n int) (tolerance, size float64) {
		return sum(n + rank), mass(n) * float64(1+rank)
	}
	tolerance, size := through(in)
	kerneltest.Close(t, "y", p.y, y, tolerance, size)
	tolerance, size = through(out)
	kerneltest.Close(t, "dx", p.dx, g.DX, tolerance, size)
	kerneltest.Close(t, "dW", p.g.DW, g.DW, sum(rows), mass(rows))
	if rank == 0 {
		return
	}
	kerneltest.Close(t, "u", p.u, u, sum(in), mass(in))
	kerneltest.Close(t, "dA", p.g.DA, g.DA, sum(rows+out), mass(rows)*math.Sqrt(mass(out)))
	kerneltest.Close(t, "dB", p.g.DB, g.DB, sum(rows+in), mass(rows)*math.Sqrt(mass(in)))
}

// TestCPUAbsent asks for one gradient at a time: it must be the same, and nothing else be touched.
func TestCPUAbsent(t *testing.T) {
	checkAbsent(t, func() *problem { return newProblem(t, 20, 9, 11, 2, 0.5, false) },
		func(p *problem) []*kernels.Tensor {
			return []*kernels.Tensor{&p.dx, &p.g.DW, &p.g.DA, &p.g.DB}
		})
}

// checkAbsent makes a problem again and again, each time with another of its gradients alone.
func checkAbsent(t *testing.T, again func() *problem, members func(*problem) []*kernels.Tensor) {
	t.Helper()
	m := machine.New(1, 0)
	defer m.Close()
	all := again()
	all.run(m)
	for i := range members(all) {
		p := again()
		for j, member := range members(p) {
			if i != j {
				*member = kernels.Tensor{}
			}
		}
		p.run(m)
		got, want := kerneltest.Float32s(*members(p)[i]), kerneltest.Float32s(*members(all)[i])
		if at := kerneltest.Differ(got, want); at >= 0 {
			t.Errorf("gradient %d alone differs at %d", i, at)
		}
	}
}

// TestCPURowAlone requires that a token has the same bits alone, as in generation, as among others.
func TestCPURowAlone(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		for _, brain := range []bool{false, true} {
			p := newProblem(t, 30, 700, 67, 3, 0, brain)
			y := kerneltest.Float32s(p.y)
			CPU(m, p.y, p.x, p.l, p.u, true)
			want := kerneltest.Float32s(p.y)
			for i := range 30 {
				row := p.y.Slice(0, i, i+1)
				copy(machine.F32(row), y[i*67:])
				CPU(m, row, p.x.Slice(0, i, i+1), p.l, p.u.Slice(0, i, i+1), true)
			}
			if at := kerneltest.Differ(kerneltest.Float32s(p.y), want); at >= 0 {
				t.Errorf("brain=%v: element %d differs", brain, at)
			}
		}
	})
}

func TestCPUSameBits(t *testing.T) {
	kerneltest.SameBits(t, func(m *machine.Machine) []float32 {
		p := newProblem(t, 2*maskedRows+1, 70, 81, 8, 0.1, true)
		p.run(m)
		var all []float32
		for _, x := range []kernels.Tensor{p.y, p.u, p.dx, p.g.DW, p.g.DA, p.g.DB} {
			all = append(all, kerneltest.Float32s(x)...)
		}
		return all
	})
}

func TestKeep(t *testing.T) {
	for _, p := range []float32{0, 0.1, 0.5, 0.9} {
		const n = 100000
		kept := 0
		for i := range uint64(n) {
			if Keep(5, i, p) {
				kept++
			}
		}
		// Five standard deviations of a binomial distribution.
		want := n * (1 - float64(p))
		if math.Abs(float64(kept)-want) > 5*math.Sqrt(want*float64(p)) {
			t.Errorf("p=%g: %d of %d kept", p, kept, n)
		}
	}
	same := 0
	for i := range uint64(1000) {
		if Keep(1, i, 0.5) == Keep(2, i, 0.5) {
			same++
		}
	}
	if same < 420 || same > 580 { // five standard deviations
		t.Errorf("masks of two seeds agree on %d of 1000", same)
	}
}
