package cpu

import (
	"fmt"

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
		return rows{t.Flat(), 1, t.Len()}
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

// pieces is one call of an elementwise operator: equal pieces of at most maxPiece elements of dst
// and src.
type pieces struct {
	b        *Backend
	dst, src rows
	f        func(p *pieces, dst, src, n int) // does one piece, by its places
	perRow   int
	factor   float32
}

const maxPiece = 1 << 14

// each calls f for all pieces.
func (b *Backend) each(dst, src kernels.Tensor, factor float32,
	f func(p *pieces, dst, src, n int)) {
	if !dst.Alike(src) {
		panic(fmt.Sprintf("cpu: %v and %v differ in shape", dst, src))
	}
	x, y := rowsOf(dst), rowsOf(src)
	if x.d != y.d { // one of them is contiguous, seen as one long row
		x, y = byLastAxis(dst), byLastAxis(src)
	}
	perRow := machine.Chunks(x.d, maxPiece)
	machine.Rows(b.m, x.n*perRow, min(x.d, maxPiece), pieces{b, x, y, f, perRow, factor}, (*pieces).do)
}

func (p *pieces) do(_, from, to int) {
	for i := from; i < to; i++ {
		skip := i % p.perRow * maxPiece
		p.f(p, p.dst.at(i/p.perRow)+skip, p.src.at(i/p.perRow)+skip, min(maxPiece, p.dst.d-skip))
	}
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
		b.each(t, t, 0, func(p *pieces, at, _, n int) { clear(machine.BF16(p.dst.t)[at : at+n]) })
	case kernels.I32:
		b.each(t, t, 0, func(p *pieces, at, _, n int) { clear(machine.I32(p.dst.t)[at : at+n]) })
	default:
		b.each(t, t, 0, func(p *pieces, at, _, n int) { clear(machine.F32(p.dst.t)[at : at+n]) })
	}
}

// Copy implements kernels.Backend.
func (b *Backend) Copy(dst, src kernels.Tensor) {
	to16, from16 := dst.DType() == kernels.BF16, src.DType() == kernels.BF16
	switch {
	case to16 && from16:
		b.each(dst, src, 0, func(p *pieces, i, j, n int) {
			copy(machine.BF16(p.dst.t)[i:i+n], machine.BF16(p.src.t)[j:j+n])
		})
	case to16:
		b.each(dst, src, 0, func(p *pieces, i, j, n int) {
			bf16.Shrink(machine.BF16(p.dst.t)[i:i+n], machine.F32(p.src.t)[j:j+n])
		})
	case from16:
		b.each(dst, src, 0, func(p *pieces, i, j, n int) {
			bf16.Expand(machine.F32(p.dst.t)[i:i+n], machine.BF16(p.src.t)[j:j+n])
		})
	default:
		b.each(dst, src, 0, func(p *pieces, i, j, n int) {
			copy(machine.F32(p.dst.t)[i:i+n], machine.F32(p.src.t)[j:j+n])
		})
	}
}

// Add implements kernels.Backend.
func (b *Backend) Add(dst, src kernels.Tensor) {
	b.each(dst, src, 1, func(p *pieces, i, j, n int) {
		p.b.m.Ops.Axpy(machine.F32(p.dst.t)[i:i+n], p.factor, machine.F32(p.src.t)[j:j+n])
	})
}

// Scale implements kernels.Backend.
func (b *Backend) Scale(t kernels.Tensor, s float32) {
	b.each(t, t, s, func(p *pieces, i, _, n int) {
		p.b.m.Ops.Scale(machine.F32(p.dst.t)[i:i+n], p.factor)
	})
}
