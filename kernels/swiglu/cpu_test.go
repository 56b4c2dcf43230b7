package swiglu

import (
	"testing"

	"longlora/kernels"
	"longlora/kernels/kerneltest"
	"longlora/kernels/machine"
)

// tolerance is for exp's 2^-22 and a handful of roundings; gate and up are up to 5 times larger
// than their mean, and 1+gate·(1-s) cancels.
const tolerance = 0x1p-19

func TestCPU(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		for _, d := range []int{1, 15, 16, 17, 67, 512} {
			for _, rows := range []int{1, 9} {
				mem := kerneltest.New(t, 12*(rows+1)*(d+20), 1)
				gate, up, dy := mem.Gapped(rows, d), mem.Normal(rows, d), mem.Gapped(rows, d)
				extremes(gate)
				g, u, n := kerneltest.Float64s(gate), kerneltest.Float64s(up), rows*d
				y, wantY := mem.Empty(rows, d), make([]float64, n)
				CPU(m, y, gate, up)
				Reference(wantY, g, u)
				kerneltest.Close(t, "y", y, wantY, tolerance, 1)
				wantG, wantU := make([]float64, n), make([]float64, n)
				ReferenceGrad(wantG, wantU, kerneltest.Float64s(dy), g, u)
				dgate, dup := mem.Empty(rows, d), mem.Empty(rows, d)
				CPUGrad(m, dgate, dup, dy, gate, up)
				kerneltest.Close(t, "dgate", dgate, wantG, tolerance, 1)
				kerneltest.Close(t, "dup", dup, wantU, tolerance, 1)
				CPUGrad(m, gate, up, dy, gate, up) // in place
				for i, x := range [][2]kernels.Tensor{{gate, dgate}, {up, dup}} {
					got, want := kerneltest.Float32s(x[0]), kerneltest.Float32s(x[1])
					if at := kerneltest.Differ(got, want); at >= 0 {
						t.Errorf("operand %d in place differs at %d", i, at)
					}
				}
			}
		}
	})
}

// extremes puts gates among the values where a careless sigmoid overflows.
func extremes(gate kernels.Tensor) {
	for i, x := range []float32{-100, 100, -88, 88, 0, -1000, 1000} {
		if row := machine.View(gate).Row(0); i < len(row) {
			row[i] = x
		}
	}
}
