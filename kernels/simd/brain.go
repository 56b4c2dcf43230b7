package simd

import "longlora/kernels/bf16"

// RoundBrain computes dst = src rounded to brain floats, to nearest even. NaN stays NaN.
func (o *Ops) RoundBrain(dst, src []float32) {
	dst = dst[:len(src)]
	n := o.wholeIf(o.asm.roundBrain != nil, len(src))
	if n > 0 {
		o.asm.roundBrain(&dst[0], &src[0], int64(n))
	}
	for i := n; i < len(src); i++ {
		dst[i] = bf16.Float(bf16.Round(src[i]))
	}
}

// Expand writes brain floats as floats.
func (o *Ops) Expand(dst []float32, src []uint16) {
	dst = dst[:len(src)]
	n := o.wholeIf(o.asm.expand != nil, len(src))
	if n > 0 {
		o.asm.expand(&dst[0], &src[0], int64(n))
	}
	bf16.Expand(dst[n:], src[n:])
}

// Shrink rounds src to brain floats, to nearest even. Vectors of AVX512-BF16 take denormal numbers
// for 0.
func (o *Ops) Shrink(dst []uint16, src []float32) {
	dst = dst[:len(src)]
	n := 0
	if o.asm.shrink != nil {
		if n = len(src) &^ (2*o.width - 1); n > 0 {
			o.asm.shrink(&dst[0], &src[0], int64(n))
		}
	}
	bf16.Shrink(dst[n:], src[n:])
}

// ExpSumBrain is ExpSum with dst rounded to brain floats. The sum is of what was not rounded.
func (o *Ops) ExpSumBrain(dst []uint16, src []float32, scale, shift float32) float32 {
	dst = dst[:len(src)]
	var sum float64
	n := 0
	if o.asm.expSumBrain != nil {
		if n = len(src) &^ (2*o.width - 1); n > 0 {
			sum = float64(o.asm.expSumBrain(&dst[0], &src[0], int64(n), scale, shift))
		}
	}
	for i := n; i < len(src); i++ {
		x := exp(src[i]*scale - shift)
		dst[i] = bf16.Round(x)
		sum += float64(x)
	}
	return float32(sum)
}

// ScaleBrain computes x *= a, rounded to brain floats.
func (o *Ops) ScaleBrain(x []uint16, a float32) {
	for i, b := range x {
		x[i] = bf16.Round(bf16.Float(b) * a)
	}
}
