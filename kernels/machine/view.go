package machine

import (
	"fmt"
	"slices"

	"longlora/kernels"
	"longlora/kernels/gemm"
)

// Matrix is a view of an F32 tensor as rows of D contiguous floats. A vector is one row.
type Matrix struct {
	Data         []float32
	N, D, Stride int
}

// View returns the matrix that t of rank 1 or 2 holds.
func View(t kernels.Tensor) Matrix {
	switch {
	case t.Rank() == 1 && contiguousLast(t):
		return Matrix{F32(t), 1, t.Dim(0), t.Dim(0)}
	case t.Rank() == 2 && contiguousLast(t):
		return Matrix{F32(t), t.Dim(0), t.Dim(1), t.Stride(0)}
	}
	panic(fmt.Sprintf("cpu: %v is no matrix with contiguous rows", t))
}

// Row returns row i.
func (m Matrix) Row(i int) []float32 {
	at := i * m.Stride
	return m.Data[at : at+m.D : at+m.D]
}

// Rows returns rows [from, to).
func (m Matrix) Rows(from, to int) Matrix {
	if from == to {
		return Matrix{nil, 0, m.D, m.Stride}
	}
	m.Data, m.N = m.Data[from*m.Stride:], to-from
	return m
}

// A returns m as a left operand.
func (m Matrix) A() gemm.A { return gemm.A{Data: m.Data, Row: m.Stride, Col: 1} }

// T returns the transpose of m as a left operand.
func (m Matrix) T() gemm.A { return gemm.A{Data: m.Data, Row: 1, Col: m.Stride} }

// B returns m times scale as a right operand.
func (m Matrix) B(scale float32) gemm.B {
	return gemm.B{F32: m.Data, Row: m.Stride, Col: 1, Scale: scale}
}

// BT returns the transpose of m times scale as a right operand.
func (m Matrix) BT(scale float32) gemm.B {
	return gemm.B{F32: m.Data, Row: 1, Col: m.Stride, Scale: scale}
}

// C returns m as a result.
func (m Matrix) C() gemm.C { return gemm.C{Data: m.Data, Row: m.Stride} }

// Weights returns a weight matrix [Out, In] as a right operand, transposed or not. It panics on kinds
// of weights that it does not know.
func Weights(w kernels.Weight, transposed bool) gemm.B {
	if c, ok := w.(Coded); ok {
		return gemm.B{Coded: gemm.Coded{Rows: c.Rows(), Turned: transposed}}
	}
	d, ok := w.(kernels.Dense)
	if !ok {
		panic(fmt.Sprintf("cpu: weights of type %T, which this backend does not know", w))
	}
	if !contiguousLast(d.Tensor) {
		panic(fmt.Sprintf("cpu: weights %v with gaps within a row", d.Tensor))
	}
	b := gemm.B{Row: d.Stride(0), Col: 1}
	if transposed {
		b.Row, b.Col = b.Col, b.Row
	}
	if d.DType() == kernels.BF16 {
		b.BF16 = BF16(d.Tensor)
	} else {
		b.F32 = F32(d.Tensor)
	}
	return b
}

func contiguousLast(t kernels.Tensor) bool {
	last := t.Rank() - 1
	return t.Stride(last) == 1 || t.Dim(last) <= 1
}

// Want panics unless t has the shape want.
func Want(operator, name string, t kernels.Tensor, want ...int) {
	if !t.Is(want...) {
		panic(fmt.Sprintf("%s: %s is %v, want %v", operator, name, t, slices.Clone(want)))
	}
}

// WantAlike panics unless t has the shape of like.
func WantAlike(operator, name string, t, like kernels.Tensor) {
	if !t.Alike(like) {
		panic(fmt.Sprintf("%s: %s is %v, want the shape of %v", operator, name, t, like))
	}
}
