package rmsnorm

import (
	"testing"

	"longlora/kernels"
	"longlora/kernels/kerneltest"
	"longlora/kernels/machine"
)

const eps = 1e-5

func TestCPU(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		for _, d := range []int{1, 2, 15, 16, 33, 67, 192} {
			for _, rows := range []int{1, 7, chunk + 1} {
				check(t, m, rows, d)
			}
		}
	})
}

func check(t *testing.T, m *machine.Machine, rows, d int) {
	t.Helper()
	mem := kerneltest.New(t, 10*(rows+2)*(d+20), 1)
	for _, w := range []kernels.Tensor{mem.Normal(d), mem.Brain(d)} {
		x, y, rstd := mem.Gapped(rows, d), mem.Empty(rows, d), mem.Empty(rows)
		wantY, wantR := make([]float64, rows*d), make([]float64, rows)
		CPU(m, y, rstd, x, w, eps)
		Reference(wantY, wantR, kerneltest.Float64s(x), kerneltest.Float64s(w), eps)
		// The sum of d squares errs by d+1 roundings relative to itself, the root halves that; then
		// two products.
		tolerance := float64(d+8) * 0x1p-24
		kerneltest.Close(t, "y", y, wantY, tolerance, 0)
		kerneltest.Close(t, "rstd", rstd, wantR, tolerance, 0)

		dx, dw, dy := mem.Normal(rows, d), mem.Normal(d), mem.Normal(rows, d)
		wantX, wantW := kerneltest.Float64s(dx), kerneltest.Float64s(dw)
		CPUGrad(m, dx, dw, dy, x, w, rstd)
		ReferenceGrad(wantX, wantW, kerneltest.Float64s(dy), kerneltest.Float64s(x),
			kerneltest.Float64s(w), wantR)
		// dx: a sum of d products relative to its mass, which divided by d is about rstd; with
		// d = 1 rstd is up to 1/sqrt(eps) and its terms cancel. dw: a sum over rows.
		kerneltest.Close(t, "dx", dx, wantX, 4*tolerance, most(wantR))
		kerneltest.Close(t, "dw", dw, wantW, tolerance+float64(rows+8)*0x1p-24, float64(rows))

		CPUGrad(m, dx, kernels.Tensor{}, dy, x, w, rstd)
		ReferenceGrad(wantX, nil, kerneltest.Float64s(dy), kerneltest.Float64s(x),
			kerneltest.Float64s(w), wantR)
		kerneltest.Close(t, "dx again", dx, wantX, 8*tolerance, most(wantR))
	}
}

func most(x []float64) float64 {
	m := x[0]
	for _, v := range x {
		m = max(m, v)
	}
	return m
}

func TestCPUSameBits(t *testing.T) {
	kerneltest.SameBits(t, func(m *machine.Machine) []float32 {
		mem := kerneltest.New(t, 400000, 1)
		x, w, dy := mem.Normal(500, 67), mem.Normal(67), mem.Normal(500, 67)
		y, rstd, dx, dw := mem.Empty(500, 67), mem.Empty(500), mem.Zeros(500, 67), mem.Zeros(67)
		CPU(m, y, rstd, x, w, eps)
		CPUGrad(m, dx, dw, dy, x, w, rstd)
		return append(append(kerneltest.Float32s(y), kerneltest.Float32s(dx)...),
			kerneltest.Float32s(dw)...)
	})
}
