package nf4

import (
	"longlora/kernels/gemm"
	"longlora/kernels/machine"
)

// rows is a Weight in the CPU's memory.
type rows struct {
	in     int
	codes  []byte
	scales []byte // nil without a second quantisation
	second []float32
	mean   float32
	table  [16]float32
	values []float32
}

var _ machine.Coded = (*Weight)(nil)

// Rows returns the matrix by its rows, for a backend on the CPU.
func (w *Weight) Rows() gemm.Rows {
	if w.rows != nil {
		return w.rows
	}
	r := &rows{in: w.in, codes: machine.Bytes(w.Codes), second: machine.F32(w.Second)}
	values := machine.F32(w.Values)
	copy(r.table[:], values)
	r.values = values[16:]
	if w.Double() {
		r.scales = machine.Bytes(w.Scales)
		last := len(r.second) - 1
		r.second, r.mean = r.second[:last], r.second[last]
	}
	w.rows = r
	return r
}

// scale returns that of a block.
func (r *rows) scale(block int) float32 {
	if r.scales == nil {
		return r.second[block]
	}
	return float32(r.values[r.scales[block]]*r.second[block/ScaleBlock]) + r.mean
}

// Expand writes elements of row i, from element from on.
func (r *rows) Expand(dst []float32, i, from int) {
	at := i*r.in + from
	for len(dst) > 0 {
		n := min(Block-at%Block, len(dst))
		r.block(dst[:n], at)
		dst, at = dst[n:], at+n
	}
}

// block writes elements from place at on, all of one block.
func (r *rows) block(dst []float32, at int) {
	a := r.scale(at / Block)
	var t [16]float32
	for c, v := range r.table {
		t[c] = v * a
	}
	if at%2 == 1 {
		dst[0] = t[r.codes[at/2]&15]
		dst, at = dst[1:], at+1
	}
	pairs := len(dst) / 2
	codes, to := r.codes[at/2:][:pairs], dst[:2*pairs]
	for i, c := range codes {
		to[2*i], to[2*i+1] = t[c>>4], t[c&15]
	}
	if len(dst)%2 == 1 {
		dst[len(dst)-1] = t[r.codes[at/2+pairs]>>4]
	}
}
