package layernorm

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
	w, b := mem.Normal(d), mem.Normal(d)
	x, y, mean, rstd := mem.Gapped(rows, d), mem.Empty(rows, d), mem.Empty(rows), mem.Empty(rows)
	n := rows * d
	wantY, wantM, wantR := make([]float64, n), make([]float64, rows), make([]float64, rows)
	CPU(m, y, mean, rstd, x, w, b, eps)
	Reference(wantY, wantM, wantR, kerneltest.Float64s(x), kerneltest.Float64s(w),
		kerneltest.Float64s(b), eps)
	// The sums of d terms err by d+1 roundings relative to their mass. With few channels the
	// variance may be small: what is divided by its root was a difference of terms of size 1.
	tolerance := float64(d+8) * 0x1p-24
	kerneltest.Close(t, "mean", mean, wantM, tolerance, 1)
	kerneltest.Close(t, "y", y, wantY, 2*tolerance, 2*most(wantR))
	kerneltest.Close(t, "rstd", rstd, wantR, 2*tolerance, most(wantR)*most(wantR))

	dx, dw, db, dy := mem.Normal(rows, d), mem.Normal(d), mem.Normal(d), mem.Normal(rows, d)
	wantX, wantW, wantB := kerneltest.Float64s(dx), kerneltest.Float64s(dw), kerneltest.Float64s(db)
	CPUGrad(m, dx, dw, db, dy, x, w, mean, rstd)
	ReferenceGrad(wantX, wantW, wantB, kerneltest.Float64s(dy), kerneltest.Float64s(x),
		kerneltest.Float64s(w), wantM, wantR)
	r := most(wantR)
	kerneltest.Close(t, "dx", dx, wantX, 8*tolerance, r*r*r)
	kerneltest.Close(t, "dw", dw, wantW, tolerance+float64(rows+8)*0x1p-24, float64(rows)*r*r)
	kerneltest.Close(t, "db", db, wantB, float64(rows+2)*0x1p-24, float64(rows))

	CPUGrad(m, dx, kernels.Tensor{}, kernels.Tensor{}, dy, x, w, mean, rstd)
	ReferenceGrad(wantX, nil, nil, kerneltest.Float64s(dy), kerneltest.Float64s(x),
		kerneltest.Float64s(w), wantM, wantR)
	kerneltest.Close(t, "dx again", dx, wantX, 16*tolerance, r*r*r)
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
		x, w, b, dy := mem.Normal(500, 67), mem.Normal(67), mem.Normal(67), mem.Normal(500, 67)
		y, mean, rstd := mem.Empty(500, 67), mem.Empty(500), mem.Empty(500)
		dx, dw, db := mem.Zeros(500, 67), mem.Zeros(67), mem.Zeros(67)
		CPU(m, y, mean, rstd, x, w, b, eps)
		CPUGrad(m, dx, dw, db, dy, x, w, mean, rstd)
		all := append(kerneltest.Float32s(y), kerneltest.Float32s(dx)...)
		return append(append(all, kerneltest.Float32s(dw)...), kerneltest.Float32s(db)...)
	})
}
