package reference

import (
	"fmt"
	"math"

	"longlora/kernels"
	"longlora/kernels/stack"
)

// block is one tensor's memory.
type block struct {
	start    int64 // its height in the arena, in bytes
	elements []float64
	released bool
}

// arena gives each tensor memory of its own: float64s, which hold any value of any type.
type arena struct {
	*stack.Stack
	blocks []*block
}

// NewArena reserves size bytes: a bound, the memory comes with the tensors.
func (b *Of[F]) NewArena(size int64) (kernels.Arena, error) {
	s, err := stack.New(size)
	if err != nil {
		return nil, err
	}
	return &arena{Stack: s}, nil
}

// Alloc cuts a tensor of NaNs off the arena.
func (a *arena) Alloc(d kernels.DType, shape ...int) kernels.Tensor {
	m := &block{}
	t := kernels.NewTensor(m, 0, d, shape...)
	m.start = a.Push(t)
	m.elements = make([]float64, t.Len())
	for i := range m.elements {
		m.elements[i] = math.NaN()
	}
	a.blocks = append(a.blocks, m)
	return t
}

// Release cuts the stack back to mark. What lies above can no longer be used.
func (a *arena) Release(mark int64) {
	a.Stack.Release(mark)
	kept := len(a.blocks)
	for kept > 0 && a.blocks[kept-1].start >= mark {
		kept--
		a.blocks[kept].released = true
	}
	a.blocks = a.blocks[:kept]
}

// Close releases everything.
func (a *arena) Close() error {
	a.Release(0)
	return nil
}

// elements returns t's memory from its first element on.
func elements(t kernels.Tensor) []float64 {
	m, ok := t.Memory().(*block)
	if !ok {
		panic(fmt.Sprintf("reference: %v lies in memory of %T, another backend's", t, t.Memory()))
	}
	if m.released {
		panic(fmt.Sprintf("reference: %v lies above a mark that was released", t))
	}
	if t.Len() == 0 {
		return nil
	}
	return m.elements[t.Offset():]
}

// each calls f with the place of every element of t, from its first element on, in row-major order.
func each(t kernels.Tensor, f func(at int)) {
	if t.Len() == 0 {
		return
	}
	var walk func(axis, at int)
	walk = func(axis, at int) {
		if axis == t.Rank() {
			f(at)
			return
		}
		for i := range t.Dim(axis) {
			walk(axis+1, at+i*t.Stride(axis))
		}
	}
	walk(0, 0)
}

// load returns a copy of t's elements, row-major; nil if t is absent.
func load[F float32 | float64](t kernels.Tensor) []F {
	if t.IsZero() {
		return nil
	}
	x := make([]F, 0, t.Len())
	from := elements(t)
	each(t, func(at int) { x = append(x, F(from[at])) })
	return x
}

// store writes t's elements. It does nothing if t is absent.
func store[F float32 | float64](t kernels.Tensor, x []F) {
	if t.IsZero() {
		return
	}
	to, i := elements(t), 0
	each(t, func(at int) {
		to[at] = float64(x[i])
		if t.DType() == kernels.BF16 {
			to[at] = roundBF16(to[at])
		}
		i++
	})
}

// convert returns src in another type.
func convert[F, G float32 | float64](src []G) []F {
	x := make([]F, len(src))
	for i, v := range src {
		x[i] = F(v)
	}
	return x
}

// ints returns a copy of an I32 tensor's elements.
func ints(t kernels.Tensor) []int32 {
	x := load[float64](t)
	v := make([]int32, len(x))
	for i, f := range x {
		if math.IsNaN(f) {
			panic(fmt.Sprintf("reference: element %d of %v was never written", i, t))
		}
		v[i] = int32(f)
	}
	return v
}

// roundBF16 returns the brain float nearest to x, ties to even: 8 bits of precision, exponents of
// float32.
func roundBF16(x float64) float64 {
	const (
		precision = 8
		least     = -126 // exponent of the smallest normal number
	)
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return x
	}
	_, e := math.Frexp(x) // |x| in [2^(e-1), 2^e)
	unit := max(e-1, least) - (precision - 1)
	y := math.Ldexp(math.RoundToEven(math.Ldexp(x, -unit)), unit)
	if math.Abs(y) >= 0x1p128 {
		return math.Copysign(math.Inf(1), x)
	}
	return y
}
