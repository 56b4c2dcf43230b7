package merge

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
)

// Checksum is that of a tensor's values.
type Checksum [sha256.Size]byte

// Sum returns the SHA-256 of the values' bits.
func Sum(values []float32) Checksum {
	h := sha256.New()
	var buffer []byte
	for part := range slices.Chunk(values, 4096) {
		buffer = buffer[:0]
		for _, v := range part {
			buffer = binary.LittleEndian.AppendUint32(buffer, math.Float32bits(v))
		}
		h.Write(buffer) // never fails
	}
	return Checksum(h.Sum(nil))
}
