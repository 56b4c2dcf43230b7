package conform

import (
	"math/rand/v2"
	"testing"

	"longlora/kernels"
)

// memory makes tensors of random values on a backend.
type memory struct {
	t     testing.TB
	b     kernels.Backend
	rng   *rand.Rand
	arena kernels.Arena
}

const arenaSize = 16 << 20

func newMemory(t testing.TB, b kernels.Backend) *memory {
	t.Helper()
	a, err := b.NewArena(arenaSize)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return &memory{t: t, b: b, arena: a}
}

// fresh forgets all tensors and starts another sequence of values. What memory held stays there.
func (m *memory) fresh(seed ...int) {
	m.arena.Release(0)
	var s [2]uint64
	for i, n := range seed {
		s[i] = uint64(n)
	}
	m.rng = rand.New(rand.NewPCG(s[0], s[1]))
}

// normal returns an F32 tensor of normally distributed values.
func (m *memory) normal(shape ...int) kernels.Tensor { return m.typed(kernels.F32, shape...) }

// brain is normal in BF16.
func (m *memory) brain(shape ...int) kernels.Tensor { return m.typed(kernels.BF16, shape...) }

// gapped is normal with gaps between rows.
func (m *memory) gapped(rows, width int) kernels.Tensor {
	return m.normal(rows, width+5).Slice(1, 2, 2+width)
}

func (m *memory) typed(d kernels.DType, shape ...int) kernels.Tensor {
	x := m.arena.Alloc(d, shape...)
	values := make([]float32, x.Len())
	for i := range values {
		values[i] = float32(m.rng.NormFloat64())
	}
	m.b.Write(x, values)
	return x
}

// ints returns an I32 vector of n values in [0, below).
func (m *memory) ints(n, below int) kernels.Tensor {
	x := m.arena.Alloc(kernels.I32, n)
	values := make([]int32, n)
	for i := range values {
		values[i] = m.rng.Int32N(int32(below))
	}
	m.b.WriteInts(x, values)
	return x
}

// targets is ints in which some values are -1.
func (m *memory) targets(n, below int) kernels.Tensor {
	x := m.arena.Alloc(kernels.I32, n)
	values := make([]int32, n)
	for i := range values {
		if values[i] = m.rng.Int32N(int32(below)); m.rng.IntN(4) == 0 {
			values[i] = -1
		}
	}
	m.b.WriteInts(x, values)
	return x
}

func (m *memory) snapshot(ts []kernels.Tensor) [][]float32 {
	all := make([][]float32, len(ts))
	for i, x := range ts {
		all[i] = make([]float32, x.Len())
		m.b.Read(all[i], x)
	}
	return all
}

func (m *memory) restore(ts []kernels.Tensor, values [][]float32) {
	for i, x := range ts {
		m.b.Write(x, values[i])
	}
}
