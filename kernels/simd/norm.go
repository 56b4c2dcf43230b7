package simd

// NormGrad computes dx += rstd·dy·w - along·x and, unless dw is nil, dw += rstd·dy·x.
func (o *Ops) NormGrad(dx, dw, dy, x, w []float32, rstd, along float32) {
	dy, x, w = dy[:len(dx)], x[:len(dx)], w[:len(dx)]
	n := o.wholeIf(o.asm.normGrad != nil && dw != nil, len(dx))
	if n > 0 {
		dw := dw[:len(dx)]
		o.asm.normGrad(&dx[0], &dw[0], &dy[0], &x[0], &w[0], int64(n), rstd, along)
	}
	if n == len(dx) {
		return
	}
	o.MultiplyAdd(dx[n:], dy[n:], w[n:], rstd)
	o.Axpy(dx[n:], -along, x[n:])
	if dw != nil {
		o.MultiplyAdd(dw[n:], dy[n:], x[n:], rstd)
	}
}
