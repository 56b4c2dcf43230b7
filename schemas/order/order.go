// Package order says which row of a dataset stands at a place of the training order. It is a pure
// function of (dataset digest, seed, epoch, index): any machine, any number of workers or ranks and
// any starting point see the same order, and nothing has to be read to find a row.
//
// Rows are permuted in two steps, so that reads stay near each other. Whole blocks of neighbouring
// rows are permuted over the dataset; then rows are permuted within windows of a few such blocks.
// Datasets of manifest version 2 name their blocks, which are row groups (NewBlocks): a window's row
// groups are read once. Those of version 1 are cut into blocks of a fixed number of rows (New).
package order

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
)

const (
	// BlockRows is the number of neighbouring rows that move together in the first step.
	BlockRows = 64
	// WindowBlocks is the number of blocks that are mixed in the second step.
	WindowBlocks = 16

	windowRows = BlockRows * WindowBlocks
)

// Order is the order of one epoch. It may be used concurrently.
type Order struct {
	rows, blocks int64
	shuffle      bool
	blockKey     [4]uint64
	digest       string
	seed         uint64
	epoch        int64
}

// New returns the order of an epoch over rows rows; without shuffle it is the file order.
func New(digest string, seed uint64, epoch, rows int64, shuffle bool) *Order {
	o := &Order{
		rows: rows, blocks: rows / BlockRows, shuffle: shuffle,
		digest: digest, seed: seed, epoch: epoch,
	}
	o.blockKey = o.key("blocks", 0)
	return o
}

// At returns the row at index, both in [0, rows). It panics outside.
func (o *Order) At(index int64) int64 {
	if index < 0 || index >= o.rows {
		panic(fmt.Sprintf("order: index %d outside [0, %d)", index, o.rows))
	}
	if !o.shuffle {
		return index
	}
	window := index / windowRows
	first := window * windowRows
	size := min(windowRows, o.rows-first)
	inside := permute(index-first, size, o.key("window", window))
	block := (first + inside) / BlockRows
	if block < o.blocks { // the rows behind the last whole block stay in the last window
		block = permute(block, o.blocks, o.blockKey)
	}
	return block*BlockRows + (first+inside)%BlockRows
}

// key derives the round keys of one permutation.
func (o *Order) key(what string, n int64) (k [4]uint64) {
	sum := sha256.Sum256(fmt.Appendf(nil, "order 1\n%s\n%d\n%d\n%s %d\n",
		o.digest, o.seed, o.epoch, what, n))
	for i := range k {
		k[i] = binary.LittleEndian.Uint64(sum[8*i:])
	}
	return k
}

// permute maps x in [0, n) to [0, n) one to one: a four-round Feistel network over the smallest even
// number of bits that holds n, walked until it falls inside (Black and Rogaway 2002, "Ciphers with
// arbitrary finite domains", method 3).
func permute(x, n int64, key [4]uint64) int64 {
	if n <= 1 {
		return x
	}
	half := (bits.Len64(uint64(n-1)) + 1) / 2
	mask := uint64(1)<<half - 1
	v := uint64(x)
	for {
		left, right := v>>half, v&mask
		for _, k := range key {
			left, right = right, left^(round(right, k)&mask)
		}
		v = left<<half | right
		if v < uint64(n) {
			return int64(v)
		}
	}
}

func round(x, key uint64) uint64 {
	hi, lo := bits.Mul64(x^key, 0x9E3779B97F4A7C15)
	hi2, lo2 := bits.Mul64(hi^lo^key>>32, 0xD6E8FEB86659FD93)
	return hi2 ^ lo2
}
