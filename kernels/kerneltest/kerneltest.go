// Package kerneltest holds what tests of operators share: machines of every tier, tensors of random
// values, golden files, and comparisons with float64 references.
package kerneltest

import (
	"fmt"
	"math"
	"math/rand"
	"testing"

	"longlora/kernels"
	"longlora/kernels/bf16"
	"longlora/kernels/gemm"
	"longlora/kernels/guard"
	"longlora/kernels/machine"
	"longlora/kernels/simd"
)

// Threads are the numbers of threads that must not change a bit.
var Threads = []int{1, 2, 3, 8}

// EachTier runs f as a subtest on every tier of this processor, with two threads.
func EachTier(t *testing.T, f func(t *testing.T, m *machine.Machine)) {
	t.Helper()
	for _, tier := range simd.Tiers() {
		t.Run(tier.String(), func(t *testing.T) {
			m := machine.New(2, tier)
			defer m.Close()
			f(t, m)
		})
	}
}

// EachBrain is EachTier with matrix products of brain floats.
func EachBrain(t *testing.T, f func(t *testing.T, m *machine.Machine)) {
	t.Helper()
	for _, tier := range simd.Tiers() {
		t.Run(tier.String()+"/brain", func(t *testing.T) {
			m := machine.NewPrecision(2, tier, gemm.Brain)
			defer m.Close()
			f(t, m)
		})
	}
}

// SameBits requires that f returns the same bits on machines of any number of threads, in both
// precisions.
func SameBits(t *testing.T, f func(m *machine.Machine) []float32) {
	t.Helper()
	for _, tier := range simd.Tiers() {
		for _, precision := range []gemm.Precision{gemm.Float, gemm.Brain} {
			var want []float32
			for _, threads := range Threads {
				m := machine.NewPrecision(threads, tier, precision)
				got := f(m)
				m.Close()
				if want == nil {
					want = got
				}
				if at := Differ(got, want); at >= 0 {
					t.Fatalf("%v, precision %d: %d threads change element %d: %g, want %g", tier,
						precision, threads, at, got[at], want[at])
				}
			}
		}
	}
}

// Differ returns the first element whose bits differ, or -1.
func Differ(a, b []float32) int {
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			return i
		}
	}
	return -1
}

// Memory makes tensors of values, each between pages that fault.
type Memory struct {
	t    testing.TB
	left int // floats
	rng  *rand.Rand
}

// New returns memory for tensors of at most size floats together, with values from seed.
func New(t testing.TB, size int, seed int64) *Memory {
	t.Helper()
	return &Memory{t, size + 1<<10, rand.New(rand.NewSource(seed))}
}

// alloc returns a tensor, at either end of its pages by chance of its size. Its elements are NaN.
func (m *Memory) alloc(d kernels.DType, shape ...int) kernels.Tensor {
	m.t.Helper()
	n := 1
	for _, s := range shape {
		n *= s
	}
	words := (n*int(d.Size()) + 3) / 4
	if m.left -= words; m.left < 0 {
		m.t.Fatalf("tensor %v is more than the test's memory", shape)
	}
	place := guard.End
	if words%3 == 0 {
		place = guard.Start
	}
	return machine.Over(guard.Floats(m.t, max(words, 1), place), d, shape...)
}

// Rand returns the source of values.
func (m *Memory) Rand() *rand.Rand { return m.rng }

// Empty returns a tensor full of NaN, for results that must be overwritten.
func (m *Memory) Empty(shape ...int) kernels.Tensor {
	return m.alloc(kernels.F32, shape...)
}

// Zeros returns a tensor of zeros.
func (m *Memory) Zeros(shape ...int) kernels.Tensor {
	t := m.alloc(kernels.F32, shape...)
	clear(machine.F32(t))
	return t
}

// Normal returns a tensor of values from a standard normal distribution.
func (m *Memory) Normal(shape ...int) kernels.Tensor {
	t := m.alloc(kernels.F32, shape...)
	x := machine.F32(t)
	for i := range x {
		x[i] = float32(m.rng.NormFloat64())
	}
	return t
}

// Gapped returns a tensor like Normal whose rows along the first axis have gaps between them.
func (m *Memory) Gapped(shape ...int) kernels.Tensor {
	wide := append([]int(nil), shape...)
	last := len(shape) - 1
	wide[last] += 5
	return m.Normal(wide...).Slice(last, 2, 2+shape[last])
}

// Brain returns a BF16 tensor of normal values.
func (m *Memory) Brain(shape ...int) kernels.Tensor {
	t := m.alloc(kernels.BF16, shape...)
	x := machine.BF16(t)
	for i := range x {
		x[i] = bf16.Round(float32(m.rng.NormFloat64()))
	}
	return t
}

// Ints returns a tensor of integers.
func (m *Memory) Ints(values []int32) kernels.Tensor {
	t := m.alloc(kernels.I32, len(values))
	copy(machine.I32(t), values)
	return t
}

// Clone returns a contiguous copy of an F32 tensor.
func (m *Memory) Clone(t kernels.Tensor) kernels.Tensor {
	c := m.alloc(kernels.F32, t.Shape()...)
	copy(machine.F32(c), Float32s(t))
	return c
}

// Float32s returns a tensor's elements in row-major order, BF16 widened.
func Float32s(t kernels.Tensor) []float32 {
	if t.IsZero() {
		return nil
	}
	out := make([]float32, t.Len())
	index := make([]int, t.Rank())
	for i := range out {
		at := 0
		for axis, x := range index {
			at += x * t.Stride(axis)
		}
		if t.DType() == kernels.BF16 {
			out[i] = bf16.Float(machine.BF16(t)[at])
		} else {
			out[i] = machine.F32(t)[at]
		}
		for axis := len(index) - 1; axis >= 0; axis-- {
			if index[axis]++; index[axis] < t.Dim(axis) {
				break
			}
			index[axis] = 0
		}
	}
	return out
}

// Float64s returns a tensor's elements in row-major order as float64.
func Float64s(t kernels.Tensor) []float64 {
	if t.IsZero() {
		return nil
	}
	narrow := Float32s(t)
	out := make([]float64, len(narrow))
	for i, x := range narrow {
		out[i] = float64(x)
	}
	return out
}

// Close requires |got-want| <= tolerance·scale for each element, where scale is the greatest of
// mass, the root mean square of want, and the element's own magnitude: an element that is a sum
// with cancellations errs relative to what was summed, of which mass is a lower bound.
func Close(t *testing.T, name string, got kernels.Tensor, want []float64, tolerance, mass float64) {
	t.Helper()
	values := Float32s(got)
	if len(values) != len(want) {
		t.Fatalf("%s: %d elements, want %d", name, len(values), len(want))
	}
	var square float64
	for _, w := range want {
		square += w * w
	}
	scale := max(mass, math.Sqrt(square/float64(max(len(want), 1))))
	for i, w := range want {
		diff := math.Abs(float64(values[i]) - w)
		if !(diff <= tolerance*max(scale, math.Abs(w))) {
			t.Fatalf("%s: element %d is %g, want %g: off by %.3g, tolerance %.3g", name, i,
				values[i], w, diff, tolerance*max(scale, math.Abs(w)))
		}
	}
}

// Panics requires that f panics.
func Panics(t *testing.T, name string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s: no panic", name)
		}
	}()
	f()
}

// Name joins numbers to a subtest's name.
func Name(numbers ...int) string { return fmt.Sprint(numbers) }
