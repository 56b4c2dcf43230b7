package bias

import (
	"testing"

	"longlora/kernels/kerneltest"
	"longlora/kernels/machine"
)

func TestCPU(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		for _, d := range []int{1, 15, 16, 17, 67} {
			for _, rows := range []int{1, 9, chunk + 1, 3 * chunk} {
				mem := kerneltest.New(t, 6*(rows+2)*(d+20), 1)
				y, b, dy, db := mem.Gapped(rows, d), mem.Normal(d), mem.Gapped(rows, d), mem.Normal(d)
				wantY, wantB := kerneltest.Float64s(y), kerneltest.Float64s(db)
				Reference(wantY, kerneltest.Float64s(b))
				ReferenceGrad(wantB, kerneltest.Float64s(dy))
				CPU(m, y, b)
				kerneltest.Close(t, "y", y, wantY, 0x1p-24, 1)
				CPUGrad(m, db, dy)
				// A sum over rows of normal values.
				kerneltest.Close(t, "db", db, wantB, float64(rows+1)*0x1p-24, float64(rows))
			}
		}
	})
}

func TestCPUSameBits(t *testing.T) {
	kerneltest.SameBits(t, func(m *machine.Machine) []float32 {
		mem := kerneltest.New(t, 200000, 1)
		y, b, db := mem.Normal(900, 67), mem.Normal(67), mem.Zeros(67)
		CPU(m, y, b)
		CPUGrad(m, db, y)
		return append(kerneltest.Float32s(y), kerneltest.Float32s(db)...)
	})
}
