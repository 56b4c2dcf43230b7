package gelu

import (
	"testing"

	"longlora/kernels"
	"longlora/kernels/kerneltest"
	"longlora/kernels/machine"
)

// tolerance is for exp's 2^-22 and a handful of roundings; x and up are up to 5 times larger than
// their mean.
const tolerance = 0x1p-19

func TestCPU(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		for _, d := range []int{1, 15, 16, 17, 67, 512} {
			for _, form := range []kernels.GELU{kernels.GELUErf, kernels.GELUTanh} {
				check(t, m, 9, d, form)
			}
		}
	})
}

func check(t *testing.T, m *machine.Machine, rows, d int, form kernels.GELU) {
	t.Helper()
	mem := kerneltest.New(t, 20*(rows+1)*(d+20), 1)
	x, up, dy := mem.Gapped(rows, d), mem.Normal(rows, d), mem.Gapped(rows, d)
	extremes(x)
	a, u, n := kerneltest.Float64s(x), kerneltest.Float64s(up), rows*d
	g, none := kerneltest.Float64s(dy), kernels.Tensor{}
	y, wantY := mem.Empty(rows, d), make([]float64, n)
	CPU(m, y, x, up, form)
	Reference(wantY, a, u, form)
	kerneltest.Close(t, "y", y, wantY, tolerance, 1)
	CPU(m, y, x, none, form)
	Reference(wantY, a, nil, form)
	kerneltest.Close(t, "y alone", y, wantY, tolerance, 1)
	wantX, wantU := make([]float64, n), make([]float64, n)
	dx, dup := mem.Empty(rows, d), mem.Empty(rows, d)
	CPUGrad(m, dx, none, dy, x, none, form)
	ReferenceGrad(wantX, nil, g, a, nil, form)
	kerneltest.Close(t, "dx alone", dx, wantX, tolerance, 1)
	CPUGrad(m, dx, dup, dy, x, up, form)
	ReferenceGrad(wantX, wantU, g, a, u, form)
	kerneltest.Close(t, "dx", dx, wantX, tolerance, 1)
	kerneltest.Close(t, "dup", dup, wantU, tolerance, 1)
	CPUGrad(m, x, up, dy, x, up, form) // in place
	for i, z := range [][2]kernels.Tensor{{x, dx}, {up, dup}} {
		if at := kerneltest.Differ(kerneltest.Float32s(z[0]), kerneltest.Float32s(z[1])); at >= 0 {
			t.Errorf("operand %d in place differs at %d", i, at)
		}
	}
}

// extremes puts values where a careless exponential overflows.
func extremes(x kernels.Tensor) {
	for i, v := range []float32{-100, 100, -88, 88, 0, -1000, 1000, -13, 13, -9} {
		if row := machine.View(x).Row(0); i < len(row) {
			row[i] = v
		}
	}
}
