// Package check holds what kernels.Backend asks of its operators' arguments: shapes, storage types,
// values of indices. A violation is a defect of the caller and panics, with the operator's name and
// the operand's. Backends that are not in a hurry call it first.
package check

import (
	"fmt"
	"slices"

	"longlora/kernels"
)

// operator is the name in front of every message.
type operator string

func (o operator) fail(format string, args ...any) {
	panic(fmt.Sprintf("%s: %s", o, fmt.Sprintf(format, args...)))
}

// float wants an F32 or BF16 tensor of a shape.
func (o operator) float(name string, t kernels.Tensor, shape ...int) {
	if t.DType() != kernels.F32 && t.DType() != kernels.BF16 {
		o.fail("%s is %v, want floats", name, t)
	}
	o.shape(name, t, shape)
}

// f32 wants an F32 tensor of a shape.
func (o operator) f32(name string, t kernels.Tensor, shape ...int) {
	o.typed(name, t, kernels.F32, shape)
}

// i32 wants an I32 tensor of a shape.
func (o operator) i32(name string, t kernels.Tensor, shape ...int) {
	o.typed(name, t, kernels.I32, shape)
}

func (o operator) typed(name string, t kernels.Tensor, d kernels.DType, shape []int) {
	if t.DType() != d {
		o.fail("%s is %v, want %v", name, t, d)
	}
	o.shape(name, t, shape)
}

func (o operator) shape(name string, t kernels.Tensor, shape []int) {
	if !t.Is(shape...) {
		o.fail("%s is %v, want %v", name, t, slices.Clone(shape))
	}
}

// rank wants a tensor that is there, with so many axes.
func (o operator) rank(name string, t kernels.Tensor, rank int) {
	if t.Rank() != rank {
		o.fail("%s is %v, want %d axes", name, t, rank)
	}
}

// present reports whether an optional operand is there.
func present(t kernels.Tensor) bool { return !t.IsZero() }

// Indices panics unless every element of v lies in [0, n).
func Indices(name, what string, v []int32, n int) {
	for i, x := range v {
		if x < 0 || int(x) >= n {
			operator(name).fail("%s %d at %d outside [0, %d)", what, x, i, n)
		}
	}
}

// Targets panics unless every element of v lies below n.
func Targets(name string, v []int32, n int) {
	for i, x := range v {
		if int(x) >= n {
			operator(name).fail("target %d at %d outside vocabulary %d", x, i, n)
		}
	}
}

// Later checks what a backend is to read or watch without being waited for.
func Later(name string, t kernels.Tensor) {
	if t.IsZero() || t.DType() != kernels.F32 || !t.Contiguous() {
		operator(name).fail("%v, want floats without gaps", t)
	}
}
