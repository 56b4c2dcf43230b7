package merge

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
)

type checksum [sha256.Size]byte

// sum returns the SHA-256 of the values' bits.
func sum(values []float32) checksum {
	h := sha256.New()
	var buffer []byte
	for part := range slices.Chunk(values, 4096) {
		buffer = buffer[:0]
		for _, v := range part {
			buffer = binary.LittleEndian.AppendUint32(buffer, math.Float32bits(v))
		}
		h.Write(buffer) // never fails
	}
	return checksum(h.Sum(nil))
}
