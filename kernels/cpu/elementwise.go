package cpu

import (
	"fmt"
	"slices"

	"longlora/kernels"
	"longlora/kernels/bf16"
	"longlora/kernels/machine"
)

// rows are the places of a tensor's rows along its last axis, which is contiguous.
type rows struct {
	t    kernels.Tensor
	n, d int
}

func rowsOf(t kernels.Tensor) rows {
	last := t.Rank() - 1
	d := t.Dim(last)
	if t.Stride(last) != 1 && d > 1 {
		panic(fmt.Sprintf("cpu: %v has gaps along its last axis", t))
	}
	if t.Len() == 0 {
		return rows{t, 0, d}
	}
	if t.Contiguous() { // longer rows
		return rows{t.Reshape(t.Len()), 1, t.Len()}
	}
	return rows{t, t.Len() / d, d}
}

// at returns the place of row i.
func (r rows) at(i int) int {
	at := 0
	for axis := r.t.Rank() - 2; axis >= 0; axis-- {
		at += i % r.t.Dim(axis) * r.t.Stride(axis)
		i /= r.t.Dim(axis)
	}
	return at
}

// pieces calls f for equal pieces of at most maxPiece elements of dst and src, by their places.
func (b *Backend) pieces(dst, src kernels.Tensor, f func(dst, src, n int)) {
	if !slices.Equal(dst.Shape(), src.Shape()) {
		panic(fmt.Sprintf("cpu: %v and %v differ in shape", dst, src))
	}
	x, y := rowsOf(dst), rowsOf(src)
	if x.d != y.d { // one of them is contiguous, seen as one long row
		x, y = byLastAxis(dst), byLastAxis(src)
	}
	const maxPiece = 1 << 14
	perRow := machine.Chunks(x.d, maxPiece)
	b.m.Rows(x.n*perRow, min(x.d, maxPiece), func(_, from, to int) {
		for i := from; i < to; i++ {
			skip := i % perRow * maxPiece
			f(x.at(i/perRow)+skip, y.at(i/perRow)+skip, min(maxPiece, x.d-skip))
		}
	})
}

func byLastAxis(t kernels.Tensor) rows {
	d := t.Dim(t.Rank() - 1)
	return rows{t, t.Len() / d, d}
}

// Write implements kernels.Backend.
func (b *Backend) Write(dst kernels.Tensor, src []float32) {
	if len(src) != dst.Len() {
		panic(fmt.Sprintf("cpu: write %d values to %v", len(src), dst))
	}
	r := rowsOf(dst)
	for i := range r.n {
		if dst.DType() == kernels.BF16 {
			bf16.Shrink(machine.BF16(dst)[r.at(i):][:r.d], src[i*r.d:][:r.d])
		} else {
			copy(machine.F32(dst)[r.at(i):][:r.d], src[i*r.d:])
		}
	}
}

// WriteInts implements kernels.Backend.
func (b *Backend) WriteInts(dst kernels.Tensor, src []int32) {
	if len(src) != dst.Len() {
		panic(fmt.Sprintf("cpu: write %d integers to %v", len(src), dst))
	}
	r := rowsOf(dst)
	for i := range r.n {
		copy(machine.I32(dst)[r.at(i):][:r.d], src[i*r.d:])
	}
}

// Read implements kernels.Backend.
func (b *Backend) Read(dst []float32, src kernels.Tensor) {
	if len(dst) != src.Len() {
		panic(fmt.Sprintf("cpu: read %v into %d values", src, len(dst)))
	}
	r := rowsOf(src)
	for i := range r.n {
		if src.DType() == kernels.BF16 {
			bf16.Expand(dst[i*r.d:][:r.d], machine.BF16(src)[r.at(i):][:r.d])
		} else {
			copy(dst[i*r.d:][:r.d], machine.F32(src)[r.at(i):])
		}
	}
}

// Zero implements kernels.Backend.
func (b *Backend) Zero(t kernels.Tensor) {
	switch t.DType() {
	case kernels.BF16:
		x := machine.BF16(t)
		b.pieces(t, t, func(at, _, n int) { clear(x[at : at+n]) })
	case kernels.I32:
		x := machine.I32(t)
		b.pieces(t, t, func(at, _, n int) { clear(x[at : at+n]) })
	default:
		x := machine.F32(t)
		b.pieces(t, t, func(at, _, n int) { clear(x[at : at+n]) })
	}
}

// Copy implements kernels.Backend.
func (b *Backend) Copy(dst, src kernels.Tensor) {
	to16, from16 := dst.DType() == kernels.BF16, src.DType() == kernels.BF16
	switch {
	case to16 && from16:
		x, y := machine.BF16(dst), machine.BF16(src)
		b.pieces(dst, src, func(i, j, n int) { copy(x[i:i+n], y[j:j+n]) })
	case to16:
		x, y := machine.BF16(dst), machine.F32(src)
		b.pieces(dst, src, func(i, j, n int) { bf16.Shrink(x[i:i+n], y[j:j+n]) })
	case from16:
		x, y := machine.F32(dst), machine.BF16(src)
		b.pieces(dst, src, func(i, j, n int) { bf16.Expand(x[i:i+n], y[j:j+n]) })
	default:
		x, y := machine.F32(dst), machine.F32(src)
		b.pieces(dst, src, func(i, j, n int) { copy(x[i:i+n], y[j:j+n]) })
	}
}

// Add implements kernels.Backend.
func (b *Backend) Add(dst, src kernels.Tensor) {
	x, y := machine.F32(dst), machine.F32(src)
	b.pieces(dst, src, func(i, j, n int) { b.m.Ops.Axpy(x[i:i+n], 1, y[j:j+n]) })
}

// Scale implements kernels.Backend.
func (b *Backend) Scale(t kernels.Tensor, s float32) {
	x := machine.F32(t)
	b.pieces(t, t, func(i, _, n int) { b.m.Ops.Scale(x[i:i+n], s) })
}
