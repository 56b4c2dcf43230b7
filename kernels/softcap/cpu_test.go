package softcap

import (
	"testing"

	"longlora/kernels/difference"
	"longlora/kernels/kerneltest"
	"longlora/kernels/machine"
)

func TestCPU(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		for _, d := range []int{1, 15, 16, 17, 67} {
			mem := kerneltest.New(t, 2000, 1)
			y := mem.Gapped(5, d)
			row := machine.View(y).Row(2)
			for i, v := range []float32{1000, -1000, 1e-8, 0, -30, 0.624, 0.626, -1e30} {
				if i < len(row) {
					row[i] = v
				}
			}
			want := kerneltest.Float64s(y)
			CPU(m, y, 1.5)
			Reference(want, 1.5)
			kerneltest.Close(t, "y", y, want, 0x1p-21, 0.01)
		}
	})
}

func TestSlope(t *testing.T) {
	x, dy, y := []float64{-3, -0.5, 0, 0.2, 4}, []float64{1, 2, -1, 0.3, 1}, make([]float64, 5)
	loss := func() float64 {
		copy(y, x)
		Reference(y, 1.3)
		return difference.Weighted(dy, y)
	}
	loss()
	dx := make([]float64, len(x))
	for i := range dx {
		dx[i] = dy[i] * Slope(y[i], 1.3)
	}
	difference.Check(t, "x", x, dx, loss)
}
