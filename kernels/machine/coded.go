package machine

import (
	"encoding/binary"

	"longlora/kernels"
	"longlora/kernels/gemm"
)

// Coded is a weight that products expand on their way, as those of packages nf4 and llmint8. Its codes are
// bytes in the words of I32 tensors, the first in the lowest place.
type Coded interface {
	kernels.Weight
	// Rows returns the matrix by its rows.
	Rows() gemm.Rows
}

// Words is the number of words that hold n bytes.
func Words(n int) int { return (n + 3) / 4 }

// WordsOf returns bytes as words. What they leave of the last one is 0.
func WordsOf(b []byte) []int32 {
	out, whole := make([]int32, Words(len(b))), len(b)/4
	for i := range whole {
		out[i] = int32(binary.LittleEndian.Uint32(b[4*i:]))
	}
	for i, c := range b[4*whole:] {
		out[whole] |= int32(c) << (8 * i)
	}
	return out
}

// BytesOf is the inverse of WordsOf, with all bytes of the last word.
func BytesOf(words []int32) []byte {
	out := make([]byte, 0, 4*len(words))
	for _, w := range words {
		out = binary.LittleEndian.AppendUint32(out, uint32(w))
	}
	return out
}

// BytesOfTensors is the memory of tensors of so many words each, rounded up to multiples of align.
func BytesOfTensors(align int64, words ...int) (sum int64) {
	for _, n := range words {
		sum += (4*int64(n) + align - 1) / align * align
	}
	return sum
}
