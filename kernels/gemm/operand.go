package gemm

// A is a left operand, read where it lies: element (i, k) at Data[i*Row+k*Col].
type A struct {
	Data     []float32
	Row, Col int
}

// down returns a's part that begins at a row.
func (a A) down(row int) A { return A{a.Data[row*a.Row:], a.Row, a.Col} }

// B is a right operand, packed before use: element (k, j) at k*Row+j*Col of F32, or of BF16 if F32
// is nil, times Scale (0 means 1).
type B struct {
	F32      []float32
	BF16     []uint16
	Row, Col int
	Scale    float32
}

// C is a result: element (i, j) at Data[i*Row+j].
type C struct {
	Data []float32
	Row  int
}

// From returns b's part that begins at element (k, j).
func (b B) From(k, j int) B {
	at := k*b.Row + j*b.Col
	if b.F32 != nil {
		b.F32 = b.F32[at:]
	} else {
		b.BF16 = b.BF16[at:]
	}
	return b
}
