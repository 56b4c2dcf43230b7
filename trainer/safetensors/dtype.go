package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"
)

// DType is a storage type, by its name in a header.
type DType string

// The storage types whose values this package converts. Headers may name others; such tensors can
// be listed and copied as bytes.
const (
	F32  DType = "F32"
	BF16 DType = "BF16"
	F16  DType = "F16"
)

// bits is the size of an element of every storage type of the format.
var bits = map[DType]int64{
	"BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
	"F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
	"I16": 16, "U16": 16, F16: 16, BF16: 16, "I32": 32, "U32": 32, F32: 32,
	"I64": 64, "U64": 64, "F64": 64, "C64": 64,
	"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}

// Bits returns the size of an element in bits, 0 for a type that the format does not have.
func (d DType) Bits() int64 { return bits[d] }

// converts reports whether Decode and Encode know d.
func (d DType) converts() bool { return d == F32 || d == BF16 || d == F16 }

// Decode converts the little-endian elements in raw to dst, exactly. len(raw) is len(dst) elements.
func Decode(dst []float32, raw []byte, d DType) {
	switch d {
	case F32:
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
	case BF16:
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(raw[2*i:])) << 16)
		}
	case F16:
		for i := range dst {
			dst[i] = FromHalf(binary.LittleEndian.Uint16(raw[2*i:]))
		}
	default:
		panic(fmt.Sprintf("safetensors: decode of %s", d))
	}
}

// Encode appends values as little-endian elements of d, rounded to nearest, ties to even.
func Encode(out []byte, values []float32, d DType) []byte {
	for _, v := range values {
		switch d {
		case F32:
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
		case BF16:
			out = binary.LittleEndian.AppendUint16(out, toBF16(v))
		case F16:
			out = binary.LittleEndian.AppendUint16(out, toHalf(v))
		default:
			panic(fmt.Sprintf("safetensors: encode to %s", d))
		}
	}
	return out
}

// Round returns the value that v has after it was stored as d, one of F32, BF16 and F16.
func Round(v float32, d DType) float32 {
	switch d {
	case BF16:
		return math.Float32frombits(uint32(toBF16(v)) << 16)
	case F16:
		return FromHalf(toHalf(v))
	}
	return v
}

// toBF16 rounds to nearest, ties to even; a NaN stays a NaN.
func toBF16(v float32) uint16 {
	b := math.Float32bits(v)
	if v != v {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// toHalf rounds to nearest, ties to even, and to infinity beyond 65504; a NaN stays a NaN.
func toHalf(v float32) uint16 {
	b := math.Float32bits(v)
	sign, b := uint16(b>>16&0x8000), b&0x7fffffff
	switch {
	case b > 0x7f800000: // NaN
		return sign | 0x7e00
	case b >= 0x477ff000: // 65520, halfway to the number after the largest
		return sign | 0x7c00
	case b < 0x38800000: // below 2^-14: subnormal, a multiple of 2^-24
		return sign | uint16(math.RoundToEven(float64(math.Float32frombits(b))*(1<<24)))
	}
	b += 0xfff + b>>13&1 // round; a carry moves into the exponent, as it must
	return sign | uint16(b>>13-(127-15)<<10)
}

// FromHalf converts an IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits.
func FromHalf(h uint16) float32 {
	sign, exponent, fraction := uint32(h)>>15<<31, uint32(h)>>10&0x1f, uint32(h)&0x3ff
	switch exponent {
	case 0: // zero or subnormal: fraction · 2^-24, exact in float32
		v := float32(fraction) / (1 << 24)
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 0x1f: // infinity or NaN
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}
