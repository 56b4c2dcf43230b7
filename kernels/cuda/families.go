package cuda

import (
	"longlora/kernels"
	"longlora/kernels/check"
)

// Operators that models other than the LLaMA family's have.

// AddBias implements kernels.Backend.
func (b *Backend) AddBias(y, v kernels.Tensor) {
	check.AddBias(y, v)
	to := matrixOf(y)
	b.launch("bias_"+to.dtype.String(), to.parts(), 1, 1, 0, to.address, address(v), to.rows, to.width,
		to.stride)
}

// BiasGrad implements kernels.Backend.
func (b *Backend) BiasGrad(db, dy kernels.Tensor) {
	check.BiasGrad(db, dy)
	b.sumRows(address(db), matrixOf(dy), b.grow(normScratch(dy.Dim(0), dy.Dim(1))))
}

// sumRows adds the rows of m to a vector.
func (b *Backend) sumRows(to uint64, m matrix, partial uint64) {
	if m.rows == 0 {
		return
	}
	chunks, chunk := chunked(m.rows)
	b.launch("bias_sum_"+m.dtype.String(), blocks(int64(m.width)), chunks, 1, 0, partial, m.address,
		m.rows, m.width, chunk, m.stride)
	b.launch("rmsnorm_reduce", blocks(int64(m.width)), 1, 1, 0, to, partial, chunks, m.width)
}

// LayerNorm implements kernels.Backend.
func (b *Backend) LayerNorm(y, mean, rstd, x, w, shift kernels.Tensor, eps float32) {
	check.LayerNorm(y, mean, rstd, x, w, shift)
	to, from := matrixOf(y), matrixOf(x)
	b.launch("layernorm_"+from.dtype.String(), from.rows, 1, 1, sumScratch, to.address, address(mean),
		address(rstd), from.address, address(w), address(shift), from.width, to.stride, from.stride, eps)
}

// LayerNormGrad implements kernels.Backend.
func (b *Backend) LayerNormGrad(dx, dw, db, dy, x, w, mean, rstd kernels.Tensor) {
	check.LayerNormGrad(dx, dw, db, dy, x, w, mean, rstd)
	to, up, in := matrixOf(dx), matrixOf(dy), matrixOf(x)
	if !dw.IsZero() && in.rows > 0 {
		chunks, chunk := chunked(in.rows)
		partial := b.grow(normScratch(in.rows, in.width))
		b.launch("layernorm_weight_"+in.dtype.String(), blocks(int64(in.width)), chunks, 1, 0, partial,
			up.address, in.address, address(mean), address(rstd), in.rows, in.width, chunk, up.stride,
			in.stride)
		b.launch("rmsnorm_reduce", blocks(int64(in.width)), 1, 1, 0, address(dw), partial, chunks,
			in.width)
		b.sumRows(address(db), up, partial)
	}
	b.launch("layernorm_grad_"+in.dtype.String(), in.rows, 1, 1, sumScratch, to.address, up.address,
		in.address, address(w), address(mean), address(rstd), in.width, to.stride, up.stride, in.stride)
}

// form is a GELU as its kernels take it.
func form(g kernels.GELU) int {
	if g == kernels.GELUTanh {
		return 1
	}
	return 0
}

// GELU implements kernels.Backend.
func (b *Backend) GELU(y, x, up kernels.Tensor, g kernels.GELU) {
	check.GELU(y, x, up)
	to, from := matrixOf(y), matrixOf(x)
	var gate matrix
	if !up.IsZero() {
		gate = matrixOf(up)
	}
	b.launch("gelu_"+to.dtype.String(), to.parts(), 1, 1, 0, to.address, from.address, gate.address,
		to.rows, to.width, to.stride, from.stride, gate.stride, form(g))
}

// GELUGrad implements kernels.Backend.
func (b *Backend) GELUGrad(dx, dup, dy, x, up kernels.Tensor, g kernels.GELU) {
	check.GELUGrad(dx, dup, dy, x, up)
	to, from, in := matrixOf(dx), matrixOf(dy), matrixOf(x)
	var gate, dgate matrix
	if !up.IsZero() {
		gate, dgate = matrixOf(up), matrixOf(dup)
	}
	b.launch("gelu_grad_"+to.dtype.String(), to.parts(), 1, 1, 0, to.address, dgate.address, from.address,
		in.address, gate.address, to.rows, to.width, to.stride, dgate.stride, from.stride, in.stride,
		gate.stride, form(g))
}

// AddBias counts.
func (p *Planner) AddBias(y, v kernels.Tensor) {
	p.count(0, 0, sizeOf(y, y), func() { p.Backend.AddBias(y, v) })
}

// BiasGrad counts.
func (p *Planner) BiasGrad(db, dy kernels.Tensor) {
	p.count(0, normScratch(dy.Dim(0), dy.Dim(1)), sizeOf(dy), func() { p.Backend.BiasGrad(db, dy) })
}

// LayerNorm counts.
func (p *Planner) LayerNorm(y, mean, rstd, x, w, shift kernels.Tensor, eps float32) {
	p.count(0, 0, sizeOf(y, x), func() { p.Backend.LayerNorm(y, mean, rstd, x, w, shift, eps) })
}

// LayerNormGrad counts.
func (p *Planner) LayerNormGrad(dx, dw, db, dy, x, w, mean, rstd kernels.Tensor) {
	bytes, scratch := sizeOf(dx, dx, dy, x), int64(0)
	if !dw.IsZero() {
		scratch = normScratch(x.Dim(0), x.Dim(1))
		bytes += sizeOf(dy, dy, x)
	}
	p.count(0, scratch, bytes, func() {
		p.Backend.LayerNormGrad(dx, dw, db, dy, x, w, mean, rstd)
	})
}

// GELU counts.
func (p *Planner) GELU(y, x, up kernels.Tensor, g kernels.GELU) {
	p.count(0, 0, sizeOf(y, x, up), func() { p.Backend.GELU(y, x, up, g) })
}

// GELUGrad counts.
func (p *Planner) GELUGrad(dx, dup, dy, x, up kernels.Tensor, g kernels.GELU) {
	p.count(0, 0, sizeOf(dx, dup, dy, x, up), func() { p.Backend.GELUGrad(dx, dup, dy, x, up, g) })
}
