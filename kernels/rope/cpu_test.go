package rope

import (
	"math"
	"testing"

	"longlora/kernels"
	"longlora/kernels/kerneltest"
	"longlora/kernels/machine"
)

func TestCPU(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		for _, d := range []int{2, 16, 32, 48, 80, 96, 128} {
			for _, tokens := range []int{1, 67} {
				for _, inverse := range []bool{false, true} {
					compare(t, m, tokens, d, inverse)
				}
			}
		}
	})
}

func compare(t *testing.T, m *machine.Machine, tokens, d int, inverse bool) {
	t.Helper()
	const positions, heads = 80, 3
	mem := kerneltest.New(t, (positions+tokens*4)*(heads*d+40), 1)
	cos, sin := mem.Zeros(positions, d/2), mem.Zeros(positions, d/2)
	for p := range positions {
		for j := range d / 2 {
			s, c := math.Sincos(float64(p) * math.Pow(10000, -2*float64(j)/float64(d)))
			machine.View(cos).Row(p)[j], machine.View(sin).Row(p)[j] = float32(c), float32(s)
		}
	}
	pos := make([]int32, tokens)
	for i := range pos {
		pos[i] = int32(mem.Rand().Intn(positions))
	}
	for _, x := range []kernels.Tensor{mem.Normal(tokens, heads, d),
		mem.Gapped(tokens, heads*d).SplitLast(d)} {
		want := kerneltest.Float64s(x)
		CPU(m, x, cos, sin, mem.Ints(pos), inverse)
		Reference(want, kerneltest.Float64s(cos), kerneltest.Float64s(sin), pos, heads, d, inverse)
		// Two products and a sum, of terms that are normal variables: at most about 5.
		kerneltest.Close(t, "x", x, want, 3*5*0x1p-24, 1)
	}
}

func TestCPURefuses(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		mem := kerneltest.New(t, 1000, 1)
		for _, p := range []int32{-1, 5} {
			kerneltest.Panics(t, "position", func() {
				table := mem.Zeros(5, 2)
				CPU(m, mem.Zeros(1, 1, 4), table, table, mem.Ints([]int32{p}), false)
			})
		}
	})
}
