// Package bf16 converts between float32 and brain floating point: the upper half of a float32.
package bf16

import "math"

// Round returns the brain float nearest to x, ties to even. NaN stays NaN.
func Round(x float32) uint16 {
	b := math.Float32bits(x)
	if b&0x7fffffff > 0x7f800000 {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// Float returns the value of a brain float.
func Float(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }

// Expand converts src to dst, len(dst) == len(src).
func Expand(dst []float32, src []uint16) {
	for i, b := range src {
		dst[i] = Float(b)
	}
}

// Shrink rounds src to dst, len(dst) == len(src).
func Shrink(dst []uint16, src []float32) {
	for i, x := range src {
		dst[i] = Round(x)
	}
}
