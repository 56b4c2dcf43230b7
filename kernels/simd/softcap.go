package simd

// tanhConstants are those of Cephes' tanhf (Moshier 1989) for small arguments.
var tanhConstants = [...]float32{
	-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1,
}

// tanh returns the hyperbolic tangent of z, of which e is exp(2z).
func tanh(z, e float32) float32 {
	if z > -0.625 && z < 0.625 {
		q := z * z
		p := tanhConstants[0]
		for _, c := range tanhConstants[1:] {
			p = p*q + c
		}
		return z + z*q*p
	}
	return 1 - 2/(1+e)
}

// SoftCap computes dst = limit·tanh(src·scale/limit). e is scratch of src's length; dst may be src.
func (o *Ops) SoftCap(dst, src, e []float32, scale, limit float32) {
	dst, e = dst[:len(src)], e[:len(src)]
	scale /= limit
	o.ExpSum(e, src, 2*scale, 0)
	for i, v := range src {
		dst[i] = limit * tanh(v*scale, e[i])
	}
}

// SoftCapSlope multiplies g by the derivative of SoftCap by src·scale, where y is its result.
func (o *Ops) SoftCapSlope(g, y []float32, limit float32) {
	y = y[:len(g)]
	for i, v := range y {
		t := v / limit
		g[i] *= (1 - t) * (1 + t)
	}
}
