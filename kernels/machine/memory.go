package machine

import (
	"fmt"
	"unsafe"

	"longlora/kernels"
	"longlora/kernels/buffer"
	"longlora/kernels/stack"
)

// alignment is that of tensors, in bytes: a cache line, and the widest vector.
const alignment = stack.Alignment

// block is a reserved piece of memory.
type block struct{ words []float32 }

// arena is a stack of tensors in a block.
type arena struct {
	*stack.Stack
	block *block
}

// maxSize bounds a reservation: no processor addresses more.
const maxSize = 1 << 46

// NewArena reserves size bytes. The system provides their pages when they are first touched.
func NewArena(size int64) (kernels.Arena, error) {
	if size > maxSize {
		return nil, fmt.Errorf("reserve %d bytes: the most is %d", size, int64(maxSize))
	}
	s, err := stack.New(size)
	if err != nil {
		return nil, err
	}
	return &arena{s, &block{buffer.Floats(int((size+alignment-1)/alignment) * alignment / 4)}}, nil
}

// Over returns the tensor of a shape that begins with the first of words, which the caller keeps
// alive.
func Over(words []float32, d kernels.DType, shape ...int) kernels.Tensor {
	return kernels.NewTensor(&block{words}, 0, d, shape...)
}

// Alloc cuts a tensor off the block.
func (a *arena) Alloc(d kernels.DType, shape ...int) kernels.Tensor {
	start := a.Push(kernels.NewTensor(a.block, 0, d, shape...))
	return kernels.NewTensor(a.block, int(start/d.Size()), d, shape...)
}

// Close drops the block.
func (a *arena) Close() error {
	a.block = nil
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

// Bytes returns the bytes of the integers from t's first element to its last, as they lie in memory:
// the lowest of an integer first, on all machines that this project runs on.
func Bytes(t kernels.Tensor) []byte {
	v := I32(t)
	if len(v) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), 4*len(v))
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
