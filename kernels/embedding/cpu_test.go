package embedding

import (
	"slices"
	"testing"

	"longlora/kernels"
	"longlora/kernels/kerneltest"
	"longlora/kernels/machine"
)

func TestCPU(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		for _, d := range []int{1, 17, 64, 67, 192} {
			mem := kerneltest.New(t, 20000*d/10+20000, 1)
			ids := make([]int32, 67)
			for i := range ids {
				ids[i] = int32(mem.Rand().Intn(9)) // repeats
			}
			for _, table := range []kernels.Tensor{mem.Normal(10, d), mem.Gapped(10, d),
				mem.Brain(10, d)} {
				y, want := mem.Empty(len(ids), d), make([]float64, len(ids)*d)
				CPU(m, y, table, mem.Ints(ids))
				Reference(want, kerneltest.Float64s(table), ids, d)
				kerneltest.Close(t, table.String(), y, want, 0, 0) // a copy
			}
			dy, dTable := mem.Normal(len(ids), d), mem.Normal(10, d)
			want := kerneltest.Float64s(dTable)
			CPUGrad(m, dTable, dy, mem.Ints(ids))
			ReferenceGrad(want, kerneltest.Float64s(dy), ids, d)
			// At most 68 additions, each rounding a sum of at most that many terms about 1.
			kerneltest.Close(t, "dTable", dTable, want, 68*68*0x1p-24, 1)
		}
	})
}

// TestCPUGradOrder has sums that depend on their order: rows are added in order of t.
func TestCPUGradOrder(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		mem := kerneltest.New(t, 10000, 1)
		dy, dTable := mem.Normal(3, 70), mem.Zeros(1, 70)
		for i, x := range []float32{1e8, 1, -1e8} {
			row := machine.View(dy).Row(i)
			for j := range row {
				row[j] = x
			}
		}
		CPUGrad(m, dTable, dy, mem.Ints([]int32{0, 0, 0}))
		if got := kerneltest.Float32s(dTable); !slices.Equal(got, make([]float32, 70)) {
			t.Errorf("(1e8+1)-1e8 is %v, want 0", got[0])
		}
	})
}

func TestCPURefusesIDs(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		mem := kerneltest.New(t, 1000, 1)
		for _, id := range []int32{-1, 4} {
			ids := mem.Ints([]int32{0, id})
			kerneltest.Panics(t, "Embedding", func() {
				CPU(m, mem.Zeros(2, 3), mem.Zeros(4, 3), ids)
			})
			kerneltest.Panics(t, "EmbeddingGrad", func() {
				CPUGrad(m, mem.Zeros(4, 3), mem.Zeros(2, 3), ids)
			})
		}
	})
}
