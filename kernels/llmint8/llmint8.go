package llmint8

import (
	"fmt"
	"math"

	"longlora/kernels"
	"longlora/kernels/gemm"
	"longlora/kernels/machine"
)

// unit is 1/127, the value of a code for a scale of 1.
const unit = float32(1.0 / 127)

// Packed is a matrix [Out, In] in host memory.
type Packed struct {
	Out, In int
	// Codes are row-major.
	Codes []int8
	// Scales are the rows' greatest magnitudes.
	Scales []float32
}

// Pack quantises w, row-major [out, in]. Values must be finite.
func Pack(w []float32, out, in int) *Packed {
	if len(w) != out*in {
		panic(fmt.Sprintf("llmint8: %d values for a matrix of %d by %d", len(w), out, in))
	}
	p := &Packed{Out: out, In: in, Codes: make([]int8, len(w)), Scales: make([]float32, out)}
	for o := range out {
		row, greatest := w[o*in:(o+1)*in], float32(0)
		for _, v := range row {
			greatest = max(greatest, float32(math.Abs(float64(v))))
		}
		p.Scales[o] = greatest
		if greatest == 0 {
			continue
		}
		factor := min(127/greatest, math.MaxFloat32)
		for i, v := range row {
			p.Codes[o*in+i] = int8(math.RoundToEven(float64(v * factor)))
		}
	}
	return p
}

// Values returns the matrix, row-major.
func (p *Packed) Values() []float32 {
	w := make([]float32, len(p.Codes))
	for i, q := range p.Codes {
		w[i] = float32(q) * p.Scales[i/p.In] * unit
	}
	return w
}

// Weight is a Packed in a backend's memory.
type Weight struct {
	out, in int
	// Codes is I32: four codes a word. Scales is F32 [out].
	Codes, Scales kernels.Tensor

	rows *rows
}

var _ machine.Coded = (*Weight)(nil)

// Out returns the number of output features.
func (w *Weight) Out() int { return w.out }

// In returns the number of input features.
func (w *Weight) In() int { return w.in }

// Bytes returns the memory of a matrix of out by in, each tensor rounded up to a multiple of align.
func Bytes(out, in int, align int64) int64 {
	return machine.BytesOfTensors(align, machine.Words(out*in), out)
}

// Alloc cuts a weight without values off an arena.
func Alloc(a kernels.Arena, out, in int) *Weight {
	return &Weight{out: out, in: in,
		Codes: a.Alloc(kernels.I32, machine.Words(out*in)), Scales: a.Alloc(kernels.F32, out)}
}

// Write gives the weight its values.
func (w *Weight) Write(b kernels.Backend, p *Packed) {
	if p.Out != w.out || p.In != w.in {
		panic(fmt.Sprintf("llmint8: a matrix of %d by %d for one of %d by %d", p.Out, p.In, w.out, w.in))
	}
	codes := make([]byte, len(p.Codes))
	for i, q := range p.Codes {
		codes[i] = byte(q)
	}
	w.rows = nil
	b.WriteInts(w.Codes, machine.WordsOf(codes))
	b.Write(w.Scales, p.Scales)
}

// Read returns what the weight holds, by a backend's ways of reading.
func (w *Weight) Read(ints func(kernels.Tensor) []int32,
	floats func(kernels.Tensor) []float32) *Packed {
	p := &Packed{Out: w.out, In: w.in, Codes: make([]int8, w.out*w.in), Scales: floats(w.Scales)}
	codes := machine.BytesOf(ints(w.Codes))
	for i := range p.Codes {
		p.Codes[i] = int8(codes[i])
	}
	return p
}

// rows is a Weight in the CPU's memory.
type rows struct {
	in     int
	codes  []byte
	scales []float32
}

// Rows returns the matrix by its rows, for a backend on the CPU.
func (w *Weight) Rows() gemm.Rows {
	if w.rows == nil {
		w.rows = &rows{w.in, machine.Bytes(w.Codes), machine.F32(w.Scales)}
	}
	return w.rows
}

// Expand writes elements of row i, from element from on.
func (r *rows) Expand(dst []float32, i, from int) {
	codes, scale := r.codes[i*r.in+from:][:len(dst)], r.scales[i]
	for j, q := range codes {
		dst[j] = float32(int8(q)) * scale * unit
	}
}
