// Package stack keeps an arena's books: how high its tensors reach, and no memory.
package stack

import (
	"fmt"
	"math"

	"longlora/kernels"
)

// Alignment is that of an arena's tensors, in bytes.
const Alignment = 64

// Stack counts the bytes of tensors that are cut off a block of fixed size.
type Stack struct{ size, high, peak int64 }

// New returns the books of a block of size bytes, rounded up to Alignment.
func New(size int64) (*Stack, error) {
	if size < 0 {
		return nil, fmt.Errorf("reserve %d bytes: the size is negative", size)
	}
	if size > math.MaxInt64-Alignment {
		size = math.MaxInt64 - Alignment
	}
	return &Stack{size: aligned(size)}, nil
}

// Push makes room for a tensor and returns the byte at which it begins. It panics when there is
// none.
func (s *Stack) Push(t kernels.Tensor) int64 {
	start, bytes := s.high, aligned(int64(t.Len())*t.DType().Size())
	if bytes > s.size-start {
		panic(fmt.Sprintf("arena of %d bytes, %d in use: no room for %v", s.size, start, t))
	}
	s.high += bytes
	s.peak = max(s.peak, s.high)
	return start
}

// Mark returns the present height in bytes.
func (s *Stack) Mark() int64 { return s.high }

// Release cuts the stack back to mark.
func (s *Stack) Release(mark int64) {
	if mark < 0 || mark > s.high {
		panic(fmt.Sprintf("arena: release to %d, height is %d", mark, s.high))
	}
	s.high = mark
}

// Peak returns the greatest height in bytes.
func (s *Stack) Peak() int64 { return s.peak }

func aligned(n int64) int64 { return (n + Alignment - 1) / Alignment * Alignment }
