// Package machine is what the operators' CPU code runs on: threads, a SIMD tier's functions,
// scratch memory, and views of tensors.
package machine

import (
	"fmt"
	"os"
	"reflect"

	"longlora/kernels/buffer"
	"longlora/kernels/gemm"
	"longlora/kernels/parallel"
	"longlora/kernels/simd"
)

// TierVariable is the environment variable that forces a SIMD tier.
const TierVariable = "LONGLORA_SIMD"

// Machine runs operators. It serves one goroutine at a time.
type Machine struct {
	// Pool has the threads, Ops the row functions and Gemm the matrix product.
	Pool *parallel.Pool
	Ops  *simd.Ops
	Gemm *gemm.Driver

	shared []float32
	sums   []float64
	own    [][]float32
	frames map[reflect.Type]any
}

// New returns a Machine of threads threads (0: all that the process may use) and a tier that this
// processor has. Matrix products have float32 operands.
func New(threads int, tier simd.Tier) *Machine { return NewPrecision(threads, tier, gemm.Float) }

// NewPrecision is New with matrix products of a precision.
func NewPrecision(threads int, tier simd.Tier, p gemm.Precision) *Machine {
	pool := parallel.New(threads)
	return &Machine{
		Pool: pool,
		Ops:  simd.For(tier),
		Gemm: gemm.NewDriver(pool, tier, p),
		own:  make([][]float32, pool.Threads()),

		frames: map[reflect.Type]any{},
	}
}

// Tier returns the tier that TierVariable names, or the best one of this processor.
func Tier() (simd.Tier, error) {
	t, err := simd.Parse(os.Getenv(TierVariable))
	if err != nil {
		return 0, fmt.Errorf("environment variable %s: %w", TierVariable, err)
	}
	return t, nil
}

// Close ends the threads.
func (m *Machine) Close() { m.Pool.Close() }

// Shared returns n floats of scratch memory, valid until the next call. They hold anything.
func (m *Machine) Shared(n int) []float32 {
	m.shared = buffer.Grow(m.shared, n)
	return m.shared[:n]
}

// Sums returns n float64s of scratch memory, valid until the next call. They hold anything.
func (m *Machine) Sums(n int) []float64 {
	if cap(m.sums) < n {
		m.sums = make([]float64, n)
	}
	return m.sums[:n]
}

// Own returns n floats of a worker's own scratch memory, valid until its next call. They hold
// anything.
func (m *Machine) Own(worker, n int) []float32 {
	m.own[worker] = buffer.Grow(m.own[worker], n)
	return m.own[worker][:n]
}

// Chunks returns how many chunks of size rows cover n rows.
func Chunks(n, size int) int { return (n + size - 1) / size }

// least is the arithmetic worth a hand-over to another thread, in floats touched.
const least = 1 << 15
