package adamw

import (
	"math"

	"longlora/kernels"
	"longlora/kernels/machine"
	"longlora/kernels/simd"
)

// CPU updates p, m and v by the gradient g. All are contiguous and of one length.
func CPU(mc *machine.Machine, p, g, m, v kernels.Tensor, s kernels.AdamWStep) {
	ps, gs, ms, vs := flat(p), flat(g), flat(m), flat(v)
	if len(gs) != len(ps) || len(ms) != len(ps) || len(vs) != len(ps) {
		panic("AdamW: p, g, m and v differ in length")
	}
	u := update{mc.Ops, ps, gs, ms, vs, factors(s)}
	machine.Rows(mc, machine.Chunks(len(ps), chunk), 4*chunk, u, (*update).chunks)
}

// update is one call of CPU.
type update struct {
	ops        *simd.Ops
	p, g, m, v []float32
	factors    simd.Adam
}

func (u *update) chunks(_, from, to int) {
	i, j := from*chunk, min(to*chunk, len(u.p))
	u.ops.Adam(u.p[i:j], u.g[i:j], u.m[i:j], u.v[i:j], &u.factors)
}

func factors(s kernels.AdamWStep) simd.Adam {
	rate := float64(s.LR) / (1 - math.Pow(float64(s.Beta1), float64(s.Step)))
	root := 1 / math.Sqrt(1-math.Pow(float64(s.Beta2), float64(s.Step)))
	return simd.Adam{
		GradScale: s.GradScale, Beta1: s.Beta1, Rest1: 1 - s.Beta1, Beta2: s.Beta2,
		Rest2: 1 - s.Beta2, Eps: s.Eps,
		Rate: float32(rate), Root: float32(root), Decay: s.LR * s.WeightDecay,
	}
}

func flat(t kernels.Tensor) []float32 {
	if !t.Contiguous() {
		panic("AdamW: a tensor has gaps")
	}
	return machine.F32(t)
}

const (
	// chunk is the elements whose squares are summed together, whatever the number of threads.
	chunk = 4096
	// run is the elements whose squares are summed in float32.
	run = 512
)

// CPUSumSquares returns Σ x² over all tensors: runs in float32, everything else in float64, in a
// fixed order.
func CPUSumSquares(m *machine.Machine, ts ...kernels.Tensor) float64 {
	var sum float64
	for _, t := range ts {
		x := flat(t)
		parts := m.Sums(machine.Chunks(len(x), chunk))
		machine.Rows(m, len(parts), chunk, squared{m.Ops, x, parts}, (*squared).chunks)
		for _, p := range parts {
			sum += p
		}
	}
	return sum
}

// squared is a tensor on its way through CPUSumSquares.
type squared struct {
	ops   *simd.Ops
	x     []float32
	parts []float64 // of each chunk
}

func (s *squared) chunks(_, from, to int) {
	for i := from; i < to; i++ {
		s.parts[i] = squares(s.ops, s.x[i*chunk:min((i+1)*chunk, len(s.x))])
	}
}

func squares(ops *simd.Ops, x []float32) float64 {
	var sum float64
	for len(x) > 0 {
		n := min(run, len(x))
		sum += float64(ops.Dot(x[:n], x[:n]))
		x = x[n:]
	}
	return sum
}
