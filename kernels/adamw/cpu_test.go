package adamw

import (
	"math"
	"testing"

	"longlora/kernels"
	"longlora/kernels/kerneltest"
	"longlora/kernels/machine"
)

func TestCPU(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, mc *machine.Machine) {
		for _, n := range []int{1, 15, 16, 17, 67, chunk + 5} {
			mem := kerneltest.New(t, 5*(n+16), 1)
			p, m, v := mem.Normal(n), mem.Zeros(n), mem.Zeros(n)
			wantP, wantM, wantV := kerneltest.Float64s(p), make([]float64, n), make([]float64, n)
			g := mem.Zeros(n)
			for step := 1; step <= 10; step++ {
				s := kernels.AdamWStep{LR: 1e-3, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8,
					WeightDecay: 0.1, GradScale: 0.5, Step: step}
				x := machine.F32(g)
				for i := range x {
					x[i] = float32(mem.Rand().NormFloat64())
				}
				CPU(mc, p, g, m, v, s)
				Reference(wantP, kerneltest.Float64s(g), wantM, wantV, s)
			}
			// Each step rounds m and v by a few units relative to themselves; p by one of its own
			// and by those of an update of at most LR·(1/sqrt(1-Beta2)+1) < 0.006.
			kerneltest.Close(t, "m", m, wantM, 10*4*0x1p-24, 1)
			kerneltest.Close(t, "v", v, wantV, 10*4*0x1p-24, 1)
			kerneltest.Close(t, "p", p, wantP, 10*1.1*0x1p-24, 1)
		}
	})
}

// TestCPUSmallDecay has a decay far below a rounding of 1: it must not be lost in 1-LR·WeightDecay.
func TestCPUSmallDecay(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, mc *machine.Machine) {
		mem := kerneltest.New(t, 400, 1)
		p, g, m, v := mem.Zeros(33), mem.Zeros(33), mem.Zeros(33), mem.Zeros(33)
		for i := range machine.F32(p) {
			machine.F32(p)[i] = 1
		}
		CPU(mc, p, g, m, v, kernels.AdamWStep{LR: 1e-5, WeightDecay: 0.1, Eps: 1e-8, Beta1: 0.9,
			Beta2: 0.95, GradScale: 1, Step: 1})
		// 1 - 1e-6 rounded once to the spacing 2^-24 below 1.
		for i, x := range machine.F32(p) {
			if math.Abs(float64(x)-(1-1e-6)) > 0x1p-25 {
				t.Fatalf("element %d is %v, want %v", i, x, 1-1e-6)
			}
		}
	})
}

func TestCPUSumSquares(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, mc *machine.Machine) {
		mem := kerneltest.New(t, 8*chunk, 1)
		a, b, c := mem.Normal(3*chunk+7), mem.Normal(67), mem.Normal(run, 2)
		got := CPUSumSquares(mc, a, b, c)
		want := ReferenceSumSquares(kerneltest.Float64s(a), kerneltest.Float64s(b),
			kerneltest.Float64s(c))
		// Runs of at most 512 squares are summed in float32.
		if math.Abs(got-want) > run*0x1p-24*want {
			t.Errorf("sum is %g, want %g", got, want)
		}
	})
	kerneltest.SameBits(t, func(mc *machine.Machine) []float32 {
		mem := kerneltest.New(t, 12*chunk, 1)
		sum := math.Float64bits(CPUSumSquares(mc, mem.Normal(9*chunk+7), mem.Normal(67)))
		return []float32{math.Float32frombits(uint32(sum)), math.Float32frombits(uint32(sum >> 32))}
	})
}
