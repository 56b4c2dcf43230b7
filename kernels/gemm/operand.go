package gemm

import "math"

// A is a left operand, read where it lies: element (i, k) at Data[i*Row+k*Col].
type A struct {
	Data     []float32
	Row, Col int
}

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

// from returns b's part that begins at element (k, j).
func (b B) from(k, j int) B {
	at := k*b.Row + j*b.Col
	if b.F32 != nil {
		b.F32 = b.F32[at:]
	} else {
		b.BF16 = b.BF16[at:]
	}
	return b
}

// Pack writes columns [0, cols) and rows [0, k) of b as a panel: row i at dst[i*width], columns from
// cols to width zero.
func Pack(dst []float32, b B, k, cols, width int) {
	switch {
	case b.F32 == nil:
		packBF16(dst, b, k, cols, width)
	case b.Col == 1:
		packRows(dst, b.F32, b.Row, k, cols, width)
	default:
		packColumns(dst, b, k, cols, width)
	}
	if b.Scale != 0 && b.Scale != 1 {
		for i := range dst[:k*width] {
			dst[i] *= b.Scale
		}
	}
}

func packRows(dst, src []float32, stride, k, cols, width int) {
	for i := range k {
		row := dst[i*width : (i+1)*width]
		clear(row[copy(row, src[i*stride:][:cols]):])
	}
}

func packColumns(dst []float32, b B, k, cols, width int) {
	for j := range cols {
		for i, at := j, j*b.Col; i < k*width; i, at = i+width, at+b.Row {
			dst[i] = b.F32[at]
		}
	}
	padColumns(dst, k, cols, width)
}

func packBF16(dst []float32, b B, k, cols, width int) {
	for j := range cols {
		for i, at := j, j*b.Col; i < k*width; i, at = i+width, at+b.Row {
			dst[i] = math.Float32frombits(uint32(b.BF16[at]) << 16)
		}
	}
	padColumns(dst, k, cols, width)
}

func padColumns(dst []float32, k, cols, width int) {
	if cols == width {
		return
	}
	for i := range k {
		clear(dst[i*width+cols : (i+1)*width])
	}
}
