package machine

import (
	"fmt"
	"unsafe"

	"longlora/kernels"
)

// alignment is that of tensors, in bytes: a cache line, and the widest vector.
const alignment = 64

// block is a reserved piece of memory.
type block struct{ words []float32 }

// aligned returns n floats that begin at a multiple of alignment.
func aligned(n int) []float32 {
	const slack = alignment / 4
	words := make([]float32, n+slack)
	skip := int(-uintptr(unsafe.Pointer(&words[0])) % alignment / 4)
	return words[skip : skip+n : skip+n]
}

// arena is a stack of tensors in a block.
type arena struct {
	block      *block
	size       int64
	high, peak int64
}

// NewArena reserves size bytes. The system provides their pages when they are first touched.
func NewArena(size int64) (kernels.Arena, error) {
	if size < 0 || size > 1<<46 {
		return nil, fmt.Errorf("reserve %d bytes: size outside 0..%d", size, int64(1)<<46)
	}
	size = (size + alignment - 1) / alignment * alignment
	return &arena{block: &block{aligned(int(size / 4))}, size: size}, nil
}

// Alloc cuts a tensor off the block.
func (a *arena) Alloc(d kernels.DType, shape ...int) kernels.Tensor {
	t := kernels.NewTensor(a.block, int(a.high/d.Size()), d, shape...)
	bytes := (int64(t.Len())*d.Size() + alignment - 1) / alignment * alignment
	if a.high+bytes > a.size {
		panic(fmt.Sprintf("arena of %d bytes, %d in use: no room for %v", a.size, a.high, t))
	}
	a.high += bytes
	a.peak = max(a.peak, a.high)
	return t
}

// Mark returns the present height in bytes.
func (a *arena) Mark() int64 { return a.high }

// Release cuts the stack back to mark.
func (a *arena) Release(mark int64) {
	if mark < 0 || mark > a.high {
		panic(fmt.Sprintf("arena: release to %d, height is %d", mark, a.high))
	}
	a.high = mark
}

// Peak returns the greatest height in bytes.
func (a *arena) Peak() int64 { return a.peak }

// Close drops the block.
func (a *arena) Close() error {
	a.block, a.size, a.high = nil, 0, 0
	return nil
}

// extent returns the elements from t's first to its last, gaps included.
func extent(t kernels.Tensor) int {
	n := 1
	for i := range t.Rank() {
		if t.Dim(i) == 0 {
			return 0
		}
		n += (t.Dim(i) - 1) * t.Stride(i)
	}
	return n
}

func words(t kernels.Tensor, d kernels.DType) []float32 {
	b, ok := t.Memory().(*block)
	if !ok {
		panic(fmt.Sprintf("cpu: %v lies in memory of %T, another backend's", t, t.Memory()))
	}
	if t.DType() != d {
		panic(fmt.Sprintf("cpu: %v where %v is expected", t, d))
	}
	return b.words
}

// F32 returns the floats from t's first element to its last.
func F32(t kernels.Tensor) []float32 {
	n := extent(t)
	return words(t, kernels.F32)[t.Offset():][:n:n]
}

// I32 returns the integers from t's first element to its last.
func I32(t kernels.Tensor) []int32 {
	w, n := words(t, kernels.I32), extent(t)
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*int32)(unsafe.Pointer(&w[t.Offset()])), n)
}

// BF16 returns the brain floats, as their bits, from t's first element to its last.
func BF16(t kernels.Tensor) []uint16 {
	w, n := words(t, kernels.BF16), extent(t)
	if n == 0 {
		return nil
	}
	all := unsafe.Slice((*uint16)(unsafe.Pointer(&w[0])), 2*len(w))
	return all[t.Offset():][:n:n]
}
