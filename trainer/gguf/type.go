package gguf

import (
	"encoding/binary"
	"fmt"
	"math"

	"longlora/trainer/safetensors"
)

// Type is a storage type of tensors, by its number in files.
type Type uint32

// The storage types whose values this package converts.
const (
	F32  Type = 0
	F16  Type = 1
	Q8   Type = 8 // Q8_0: blocks of 32 elements, a half-precision scale and 32 signed bytes
	BF16 Type = 30
)

// block is the number of elements that Q8_0 stores together, blockBytes their size.
const (
	block      = 32
	blockBytes = 2 + block
)

// types is the table of the storage types: name, elements and bytes of a block.
var types = map[Type]struct {
	name            string
	elements, bytes int64
}{
	F32: {"F32", 1, 4}, F16: {"F16", 1, 2}, Q8: {"Q8_0", block, blockBytes}, BF16: {"BF16", 1, 2},
}

// others names the storage types that are refused, for messages.
var others = map[Type]string{
	2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 12: "Q4_K",
	13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S",
	20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64",
	28: "F64", 29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
}

// String is the type's name in llama.cpp.
func (t Type) String() string {
	if known, ok := types[t]; ok {
		return known.name
	}
	if name, ok := others[t]; ok {
		return name
	}
	return fmt.Sprintf("type %d", uint32(t))
}

// ParseType returns the type of a name, as F16 or Q8_0.
func ParseType(name string) (Type, error) {
	for t, known := range types {
		if known.name == name {
			return t, nil
		}
	}
	return 0, fmt.Errorf("unknown storage type %q; there are F32, F16, BF16 and Q8_0", name)
}

// size returns the bytes of n elements whose rows have row elements.
func (t Type) size(n, row int64) (int64, error) {
	known, ok := types[t]
	if !ok {
		return 0, fmt.Errorf("%v is not supported, only F32, F16, BF16 and Q8_0: convert the file with "+
			"llama-quantize", t)
	}
	if row%known.elements != 0 {
		return 0, fmt.Errorf("rows of %d elements are no whole blocks of %v", row, t)
	}
	if n > math.MaxInt64/known.bytes {
		return 0, fmt.Errorf("%d elements are too many", n)
	}
	return n / known.elements * known.bytes, nil
}

// plain are the types that safetensors has as well.
var plain = map[Type]safetensors.DType{
	F32: safetensors.F32, F16: safetensors.F16, BF16: safetensors.BF16,
}

// decode converts stored elements, exactly. len(dst) elements are in raw.
func decode(dst []float32, raw []byte, t Type) {
	if d, ok := plain[t]; ok {
		safetensors.Decode(dst, raw, d)
		return
	}
	for at := 0; at < len(dst); at += block {
		b := raw[at/block*blockBytes:]
		scale := safetensors.FromHalf(binary.LittleEndian.Uint16(b))
		for i := range block {
			dst[at+i] = scale * float32(int8(b[2+i]))
		}
	}
}

// encode appends values as elements of t, rounded to nearest.
func encode(out []byte, values []float32, t Type) []byte {
	if d, ok := plain[t]; ok {
		return safetensors.Encode(out, values, d)
	}
	for at := 0; at < len(values); at += block {
		out = encodeBlock(out, values[at:at+block])
	}
	return out
}

// encodeBlock appends a block of Q8_0 as llama.cpp's reference does (quantize_row_q8_0_ref): the
// scale is the largest magnitude over 127, and halves are rounded away from zero.
func encodeBlock(out []byte, values []float32) []byte {
	greatest := float32(0)
	for _, v := range values {
		greatest = max(greatest, float32(math.Abs(float64(v))))
	}
	scale, inverse := greatest/127, float32(0)
	if scale != 0 {
		inverse = 1 / scale
	}
	out = safetensors.Encode(out, []float32{scale}, safetensors.F16)
	for _, v := range values {
		out = append(out, byte(int8(math.Round(float64(v*inverse)))))
	}
	return out
}

// Round returns the values that values have after they were stored as t.
func Round(values []float32, t Type) {
	decode(values, encode(nil, values, t), t)
}
