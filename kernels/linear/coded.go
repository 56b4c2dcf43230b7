package linear

import (
	"longlora/kernels/gemm"
	"longlora/kernels/machine"
)

// codedRows is the rows of weights that are expanded at a time for one row of x.
const codedRows = 128

// oneRow computes y = x Wᵀ for one row x, or adds it to y, with W's rows expanded some at a time: the
// same sums in the same order as for many rows.
func oneRow(m *machine.Machine, y, x machine.Matrix, w gemm.Rows, accumulate bool) {
	stride := x.D + x.D%2
	words := m.Shared(min(codedRows, y.D) * stride)
	for from := 0; from < y.D; from += codedRows {
		n := min(codedRows, y.D-from)
		machine.Rows(m, n, 2*x.D, expanding{words, stride, x.D, from, w}, (*expanding).rows)
		m.Gemm.Multiply(gemm.C{Data: y.Data[from:], Row: n}, x.A(),
			gemm.B{F32: words, Row: 1, Col: stride}, 1, n, x.D, accumulate)
	}
}

// expanding writes rows of weights from row from on to words.
type expanding struct {
	words           []float32
	stride, d, from int
	w               gemm.Rows
}

func (e *expanding) rows(_, i, end int) {
	for ; i < end; i++ {
		e.w.Expand(e.words[i*e.stride:][:e.d], e.from+i, 0)
	}
}
