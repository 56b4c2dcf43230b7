package plan

import (
	"cmp"
	"slices"

	"longlora/kernels"
	"longlora/kernels/check"
	"longlora/kernels/stack"
)

// Backend counts. Read and SumSquares give zeros.
type Backend struct {
	high, peak int64 // of all arenas together
	work       map[string]*Work
	flops      float64 // of all operators
}

var _ kernels.Backend = (*Backend)(nil)

// Work is what one operator did.
type Work struct {
	Operator string
	Calls    int64
	FLOPs    float64
}

// New returns a Backend that has counted nothing.
func New() *Backend { return &Backend{work: map[string]*Work{}} }

// Peak returns the greatest number of bytes that tensors took at a time, in all arenas together.
func (b *Backend) Peak() int64 { return b.peak }

// Work returns what each operator did, the greatest number of operations first.
func (b *Backend) Work() []Work {
	var all []Work
	for _, w := range b.work {
		all = append(all, *w)
	}
	slices.SortFunc(all, func(x, y Work) int {
		return cmp.Or(cmp.Compare(y.FLOPs, x.FLOPs), cmp.Compare(x.Operator, y.Operator))
	})
	return all
}

// FLOPs returns the operations of all operators.
func (b *Backend) FLOPs() float64 { return b.flops }

// Reset forgets work and peak, not what arenas hold.
func (b *Backend) Reset() { b.work, b.flops, b.peak = map[string]*Work{}, 0, b.high }

func (b *Backend) count(operator string, flops float64) {
	w := b.work[operator]
	if w == nil {
		w = &Work{Operator: operator}
		b.work[operator] = w
	}
	w.Calls++
	w.FLOPs += flops
	b.flops += flops
}

// arena is a stack without a block.
type arena struct {
	*stack.Stack
	b *Backend
}

// memory marks the tensors of this backend.
type memory struct{}

// NewArena accepts any size.
func (b *Backend) NewArena(size int64) (kernels.Arena, error) {
	s, err := stack.New(size)
	if err != nil {
		return nil, err
	}
	return &arena{s, b}, nil
}

// Alloc counts a tensor.
func (a *arena) Alloc(d kernels.DType, shape ...int) kernels.Tensor {
	t := kernels.NewTensor(memory{}, 0, d, shape...)
	before := a.Push(t)
	a.b.high += a.Mark() - before
	a.b.peak = max(a.b.peak, a.b.high)
	return t
}

// Release cuts the stack back to mark.
func (a *arena) Release(mark int64) {
	before := a.Mark()
	a.Stack.Release(mark)
	a.b.high -= before - mark
}

// Close gives all of the arena back.
func (a *arena) Close() error {
	a.Release(0)
	return nil
}

// Name returns "plan".
func (b *Backend) Name() string { return "plan" }

// Sync returns nil.
func (b *Backend) Sync() error { return nil }

// Close does nothing.
func (b *Backend) Close() error { return nil }

// Write checks its arguments.
func (b *Backend) Write(dst kernels.Tensor, src []float32) { check.Floats("Write", dst, len(src)) }

// WriteInts checks its arguments.
func (b *Backend) WriteInts(dst kernels.Tensor, src []int32) { check.WriteInts(dst, len(src)) }

// Read clears dst.
func (b *Backend) Read(dst []float32, src kernels.Tensor) {
	check.Floats("Read", src, len(dst))
	clear(dst)
}

// Zero does nothing.
func (b *Backend) Zero(kernels.Tensor) {}

// Copy checks its arguments.
func (b *Backend) Copy(dst, src kernels.Tensor) { check.Copy(dst, src) }
