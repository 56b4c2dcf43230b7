package gemm

import "longlora/kernels/bf16"

// A is a left operand, read where it lies: element (i, k) at i*Row+k*Col of Data, or of BF16 if
// Data is nil. Rows of brain floats whose elements are neighbours cost a driver of brain floats
// nothing if Row is even.
type A struct {
	Data     []float32
	BF16     []uint16
	Row, Col int
}

// From returns a's part that begins at element (i, k).
func (a A) From(i, k int) A {
	at := i*a.Row + k*a.Col
	if a.BF16 != nil {
		a.BF16 = a.BF16[at:]
	} else {
		a.Data = a.Data[at:]
	}
	return a
}

// transposed returns a's transpose as a right operand.
func (a A) transposed() B { return B{F32: a.Data, BF16: a.BF16, Row: a.Col, Col: a.Row} }

// B is a right operand, packed before use: element (k, j) at k*Row+j*Col of F32, or of BF16 if F32
// is nil, times Scale (0 means 1). If Coded is there, it has the elements, and not F32 or BF16.
type B struct {
	F32      []float32
	BF16     []uint16
	Row, Col int
	Scale    float32
	Coded    Coded
}

// C is a result: element (i, j) at Data[i*Row+j].
type C struct {
	Data []float32
	Row  int
}

// From returns b's part that begins at element (k, j).
func (b B) From(k, j int) B {
	if b.Coded.Rows != nil {
		b.Coded = b.Coded.from(k, j)
		return b
	}
	at := k*b.Row + j*b.Col
	if b.F32 != nil {
		b.F32 = b.F32[at:]
	} else {
		b.BF16 = b.BF16[at:]
	}
	return b
}

// RowFloats returns the first n elements of b's first row, which are neighbours: where they lie, or
// converted to scratch.
func (b B) RowFloats(n int, scratch []float32) []float32 {
	if b.Coded.Rows != nil {
		b.Coded.Rows.Expand(scratch[:n], b.Coded.k, b.Coded.j)
		return scratch[:n]
	}
	if b.F32 != nil {
		return b.F32[:n]
	}
	bf16.Expand(scratch[:n], b.BF16[:n])
	return scratch[:n]
}
