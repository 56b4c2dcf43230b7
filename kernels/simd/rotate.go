package simd

// Rotate turns the pairs (x[j], y[j]) by the angles of cosines c and sines s.
func (o *Ops) Rotate(x, y, c, s []float32) { o.rotate(x, y, c, s, 1) }

// RotateBack undoes Rotate.
func (o *Ops) RotateBack(x, y, c, s []float32) { o.rotate(x, y, c, s, -1) }

func (o *Ops) rotate(x, y, c, s []float32, sign float32) {
	y, c, s = y[:len(x)], c[:len(x)], s[:len(x)]
	n := o.whole(len(x))
	if n > 0 {
		o.asm.rotate(&x[0], &y[0], &c[0], &s[0], int64(n), sign)
	}
	if o.asm.rotate8 != nil && n+8 <= len(x) { // heads of 16 have no more
		o.asm.rotate8(&x[n], &y[n], &c[n], &s[n], 8, sign)
		n += 8
	}
	for j := n; j < len(x); j++ {
		a, b, t := x[j], y[j], sign*s[j]
		x[j], y[j] = a*c[j]-b*t, b*c[j]+a*t
	}
}
