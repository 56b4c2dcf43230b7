//go:build gpu

package cuda

import (
	"fmt"
	"math"
	"testing"

	"longlora/kernels"
	"longlora/kernels/cuda/emulator"
	"longlora/kernels/nf4"
	"longlora/kernels/reference"
)

// lengths are odd, prime, shorter than a tile and around its size, with the sizes of heads on
// either side of what the kernels are made for.
func lengths() [][2]int {
	all := [][2]int{{1, 1}, {2, 3}, {13, 16}, {61, 33}, {129, 128}, {257, 24}, {130, 47}, {67, 80}}
	if testing.Short() {
		return all[:6]
	}
	return all
}

// TestAgree: an output's root mean square distance from the float64 reference, over all inputs of a
// size, is at most twice that of the same formulas plainly evaluated in float32, plus 2^-8 of the
// output's own size. The latter is up to four independent roundings to brain floats, 2^-9 at most
// each: of the reference's result, of ours, of operands that products round once more
// (probabilities, and the gradients of scores and logits, as PyTorch's do), and of a sum to which
// an adapter's part is added.
func TestAgree(t *testing.T) {
	b := open(t)
	for _, c := range scenarios {
		t.Run(c.name, func(t *testing.T) {
			exact, naive := newSide(t, reference.New()), newSide(t, reference.Naive())
			tested := newSide(t, b)
			for _, n := range lengths() {
				all := map[string]*distances{}
				for seed := range uint64(max(1, min(20, 400/(n[0]*n[1])))) {
					want := exact.run(c.run, n[0], n[1], seed)
					plain := naive.run(c.run, n[0], n[1], seed)
					got := tested.run(c.run, n[0], n[1], seed)
					for i, name := range tested.names {
						if all[name] == nil {
							all[name] = &distances{mass: tested.masses[i]}
						}
						all[name].add(got[i], plain[i], want[i])
					}
				}
				for name, d := range all {
					d.check(t, fmt.Sprintf("%d rows of %d: %s", n[0], n[1], name))
				}
			}
		})
	}
}

// distances are sums of squares of one output.
type distances struct{ size, naive, got, n, mass float64 }

func (d *distances) add(got, plain, want []float64) {
	for i, w := range want {
		d.size += w * w
		d.naive += (plain[i] - w) * (plain[i] - w)
		d.got += (got[i] - w) * (got[i] - w)
		d.n++
	}
}

func (d *distances) check(t *testing.T, what string) {
	t.Helper()
	mean := func(sum float64) float64 { return math.Sqrt(sum / d.n) }
	allowed := 2*mean(d.naive) + 0x1p-8*max(mean(d.size), d.mass)
	if !(mean(d.got) <= allowed) {
		t.Errorf("%s errs by %.3g, plain code by %.3g: allowed are %.3g", what, mean(d.got),
			mean(d.naive), allowed)
	}
}

// TestUpdates: what is float32 throughout errs no more than float32 does, and the sum of squares is
// one of float64.
func TestUpdates(t *testing.T) {
	run := func(s *side) {
		p, g := s.param(s.rows, s.width), s.param(s.rows, s.width)
		m, v := s.param(s.rows, s.width), s.param(s.rows, s.width)
		s.b.Zero(m)
		s.b.Zero(v)
		step := kernels.AdamWStep{LR: 0.01, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1,
			GradScale: 0.7}
		for step.Step = 1; step.Step <= 3; step.Step++ {
			s.b.AdamW(p, g, m, v, step)
		}
		s.keep("p", p, 0)
		s.keep("m", m, 0)
		s.keep("v", v, 0)
		s.names, s.masses = append(s.names, "Σ x²"), append(s.masses, 0)
		s.outputs = append(s.outputs, []float64{s.b.SumSquares(p, g, m.Slice(0, 0, s.rows/2))})
	}
	exact, tested := newSide(t, reference.New()), newSide(t, open(t))
	for _, n := range [][2]int{{1, 1}, {13, 17}, {300, 301}} {
		want, got := exact.run(run, n[0], n[1], 1), tested.run(run, n[0], n[1], 1)
		for i, name := range tested.names {
			for k, w := range want[i] {
				// Some twenty roundings of 2^-24, of values of size 1; the sum's terms are rounded values.
				if d := math.Abs(got[i][k] - w); !(d <= 20*0x1p-24*max(1, math.Abs(w))) {
					t.Fatalf("%d by %d: %s[%d] is %g, want %g", n[0], n[1], name, k, got[i][k], w)
				}
			}
		}
	}
}

// TestNF4: a product with weights of four bits has the bits of one with their values.
func TestNF4(t *testing.T) {
	const rows, in, out = 33, 70, 51
	s := newSide(t, open(t))
	s.run(func(s *side) {
		w := make([]float32, out*in)
		for i := range w {
			w[i] = float32(s.rng.NormFloat64())
		}
		packed := nf4.Pack(w, out, in)
		small := nf4.Alloc(s.arena, out, in)
		small.Write(s.b, packed)
		dense := s.arena.Alloc(kernels.BF16, out, in)
		s.b.Write(dense, packed.Values())
		x, dy, none := s.act(rows, in), s.act(rows, out), kernels.Tensor{}
		for _, w := range []kernels.Weight{kernels.Dense{Tensor: dense}, small} {
			y, dx := s.act(rows, out), s.arena.Alloc(kernels.BF16, rows, in)
			s.b.Zero(dx)
			s.b.Linear(y, x, kernels.Linear{W: w}, none, false)
			s.b.LinearGrad(dx, kernels.LinearGrad{}, dy, x, kernels.Linear{W: w}, none)
			s.keep("y", y, 0)
			s.keep("dx", dx, 0)
		}
	}, rows, in, 1)
	for i := range 2 {
		if at := differ(s.outputs[i], s.outputs[2+i]); at >= 0 {
			t.Errorf("%s: element %d is %g, want %g", s.names[i], at, s.outputs[2+i][at],
				s.outputs[i][at])
		}
	}
}

// TestLarge has tensors of more than 2^31 elements, and an index of either side of it. It takes a GPU.
func TestLarge(t *testing.T) {
	if emulator.Present() {
		t.Skip("no GPU: eight GiB of brain floats take too long in emulation")
	}
	const rows, width = 1<<20 + 3, 4096
	b := open(t)
	a, err := b.NewArena(2*rows*width + 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	x := a.Alloc(kernels.BF16, rows, width)
	b.Zero(x)
	for _, row := range []int{0, 1<<19 - 1, 1 << 19, rows - 1} { // 2^31 elements begin row 2^19
		one := x.Slice(0, row, row+1)
		values := make([]float32, width)
		for i := range values {
			values[i] = float32(row%7 + 1)
		}
		b.Write(one, values)
	}
	b.Scale(x, 2)
	for _, row := range []int{0, 1<<19 - 1, 1 << 19, 1<<19 + 1, rows - 1} {
		got := make([]float32, width)
		b.Read(got, x.Slice(0, row, row+1))
		want := float32(2 * (row%7 + 1))
		if row == 1<<19+1 {
			want = 0
		}
		if got[0] != want || got[width-1] != want {
			t.Errorf("row %d is %g to %g, want %g", row, got[0], got[width-1], want)
		}
	}
	if err := b.Sync(); err != nil {
		t.Fatal(err)
	}
}
