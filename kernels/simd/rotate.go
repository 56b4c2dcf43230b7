package simd

// Rotate turns the pairs (x[j], x[half+j]) of heads, stride floats apart, by the angles of cosines
// c and sines s, half of each; back turns them back.
func (o *Ops) Rotate(x []float32, heads, stride int, c, s []float32, back bool) {
	half := len(c)
	s, sign := s[:half], float32(1)
	if back {
		sign = -1
	}
	if heads == 0 || half == 0 {
		return
	}
	_ = x[(heads-1)*stride+2*half-1]
	n := o.whole(half)
	if o.asm.masksRotate && half > 0 {
		n = half
	}
	if n > 0 {
		o.asm.rotate(&x[0], &c[0], &s[0], int64(heads), int64(stride), int64(half), int64(n), sign)
	}
	for h := 0; h < heads && n < half; h++ {
		row := x[h*stride:][:2*half]
		for j := n; j < half; j++ {
			a, b, t := row[j], row[half+j], sign*s[j]
			row[j], row[half+j] = a*c[j]-b*t, b*c[j]+a*t
		}
	}
}
