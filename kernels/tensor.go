package kernels

import "fmt"

// DType is the storage type of a tensor's elements.
type DType uint8

// The storage types. Arithmetic accumulates in F32 (the reference backend: in float64) whatever
// the storage type.
const (
	F32 DType = iota + 1
	BF16
	I32
)

// Size returns the bytes of one element.
func (d DType) Size() int64 {
	if d == BF16 {
		return 2
	}
	return 4
}

func (d DType) String() string {
	switch d {
	case F32:
		return "f32"
	case BF16:
		return "bf16"
	case I32:
		return "i32"
	}
	return fmt.Sprintf("dtype(%d)", uint8(d))
}

// MaxRank is the largest number of axes that a Tensor has.
const MaxRank = 4

// Memory is a block of storage. Only the backend that made it knows what is inside.
type Memory any

// Tensor is a view of a block of memory: a shape, strides in elements and an offset. It is a small
// value, copied freely; it owns nothing. The zero Tensor means "absent" wherever an operator's
// argument is optional.
type Tensor struct {
	mem    Memory
	offset int
	dtype  DType
	rank   uint8
	shape  [MaxRank]int
	stride [MaxRank]int
}

// NewTensor returns the contiguous row-major view of shape that begins offset elements into mem.
// Backends call it; models get tensors from an Arena.
func NewTensor(mem Memory, offset int, d DType, shape ...int) Tensor {
	if len(shape) == 0 || len(shape) > MaxRank {
		panic(fmt.Sprintf("kernels: rank %d outside 1..%d", len(shape), MaxRank))
	}
	t := Tensor{mem: mem, offset: offset, dtype: d, rank: uint8(len(shape))}
	step := 1
	for i := len(shape) - 1; i >= 0; i-- {
		if shape[i] < 0 {
			panic(fmt.Sprintf("kernels: negative extent %d of axis %d", shape[i], i))
		}
		t.shape[i], t.stride[i] = shape[i], step
		step *= shape[i]
	}
	return t
}

// IsZero reports whether t is absent.
func (t Tensor) IsZero() bool { return t.rank == 0 }

// DType returns the storage type.
func (t Tensor) DType() DType { return t.dtype }

// Rank returns the number of axes.
func (t Tensor) Rank() int { return int(t.rank) }

// Dim returns the extent of axis i.
func (t Tensor) Dim(i int) int { return t.shape[i] }

// Stride returns the distance, in elements, between neighbours along axis i.
func (t Tensor) Stride(i int) int { return t.stride[i] }

// Memory returns the block that t views.
func (t Tensor) Memory() Memory { return t.mem }

// Offset returns the first element's place in the block, in elements.
func (t Tensor) Offset() int { return t.offset }

// Shape returns a copy of the extents.
func (t Tensor) Shape() []int { return append([]int(nil), t.shape[:t.rank]...) }

// Is reports whether t has this shape.
func (t Tensor) Is(shape ...int) bool {
	if len(shape) != int(t.rank) {
		return false
	}
	for i, n := range shape {
		if t.shape[i] != n {
			return false
		}
	}
	return true
}

// Alike reports whether t and u have the same shape.
func (t Tensor) Alike(u Tensor) bool { return t.rank == u.rank && t.shape == u.shape }

// Len returns the number of elements.
func (t Tensor) Len() int {
	if t.rank == 0 {
		return 0
	}
	n := 1
	for _, s := range t.shape[:t.rank] {
		n *= s
	}
	return n
}

// Contiguous reports whether the elements lie in row-major order without gaps.
func (t Tensor) Contiguous() bool {
	step := 1
	for i := int(t.rank) - 1; i >= 0; i-- {
		if t.shape[i] != 1 && t.stride[i] != step {
			return false
		}
		step *= t.shape[i]
	}
	return true
}

// Slice returns the view of rows [from, to) along axis. It panics outside the extent.
func (t Tensor) Slice(axis, from, to int) Tensor {
	if axis >= int(t.rank) || from < 0 || to < from || to > t.shape[axis] {
		panic(fmt.Sprintf("kernels: slice [%d, %d) of axis %d of %v", from, to, axis, t))
	}
	t.offset += from * t.stride[axis]
	t.shape[axis] = to - from
	return t
}

// Reshape returns the contiguous tensor t with other extents of the same product.
func (t Tensor) Reshape(shape ...int) Tensor {
	r := NewTensor(t.mem, t.offset, t.dtype, shape...)
	if !t.Contiguous() || r.Len() != t.Len() {
		panic(fmt.Sprintf("kernels: reshape of %v to %v", t, r))
	}
	return r
}

// Flat returns the contiguous tensor t as one axis.
func (t Tensor) Flat() Tensor { return t.Reshape(t.Len()) }

// SplitLast returns t with its last axis D seen as [D/width, width]: [T, H*Dh] becomes [T, H, Dh]
// without a copy, also when rows have gaps between them.
func (t Tensor) SplitLast(width int) Tensor {
	last := int(t.rank) - 1
	if t.rank == MaxRank || width <= 0 || t.shape[last]%width != 0 {
		panic(fmt.Sprintf("kernels: split of the last axis of %v by %d", t, width))
	}
	t.shape[last+1], t.stride[last+1] = width, t.stride[last]
	t.shape[last], t.stride[last] = t.shape[last]/width, t.stride[last]*width
	t.rank++
	return t
}

func (t Tensor) String() string {
	if t.rank == 0 {
		return "absent"
	}
	return fmt.Sprintf("%v%v", t.dtype, t.shape[:t.rank])
}
