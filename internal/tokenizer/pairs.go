package tokenizer

import (
	"math"
	"math/bits"
)

// pairTable maps two neighbouring ids to the rank of their merge by open addressing. An entry is the
// two ids in 21 bits each and the rank plus one in 22; 0 is empty.
type pairTable struct {
	entries []uint64
	shift   uint
	filter  []uint64 // some bits a pair: most pairs that do not merge are told here, in less memory
}

// noRank is greater than any merge's rank.
const noRank = math.MaxUint32

const (
	idBits   = 21
	rankBits = 22
	rankMask = 1<<rankBits - 1
)

// newPairTable returns a table for n pairs, at most half full.
func newPairTable(n int) pairTable {
	size := bits.Len(uint(2*n + 1))
	return pairTable{
		entries: make([]uint64, 1<<size), shift: uint(64 - size),
		filter: make([]uint64, max(1, 1<<size>>(6-filterBits))),
	}
}

// filterBits is the logarithm of the filter's bits for each entry.
const filterBits = 3

func pairKey(left, right int32) uint64 { return uint64(uint32(left))<<idBits | uint64(uint32(right)) }

// slot spreads keys over the table (Knuth, volume 3, section 6.4: Fibonacci hashing). bit is the place
// in the filter.
func (p *pairTable) slot(key uint64) (slot, bit uint64) {
	h := (key ^ key>>idBits) * 0x9E3779B97F4A7C15
	return h >> p.shift, h >> (p.shift - filterBits)
}

func (p *pairTable) set(left, right int32, rank uint32) {
	key := pairKey(left, right)
	mask := uint64(len(p.entries) - 1)
	i, bit := p.slot(key)
	p.filter[bit>>6] |= 1 << (bit & 63)
	for p.entries[i] != 0 && p.entries[i]>>rankBits != key {
		i = (i + 1) & mask
	}
	p.entries[i] = key<<rankBits | uint64(rank+1)
}

// get returns the rank of the merge of two ids, noRank if there is none or an id is negative.
func (p *pairTable) get(left, right int32) uint32 {
	if left|right < 0 {
		return noRank
	}
	key := pairKey(left, right)
	mask := uint64(len(p.entries) - 1)
	i, bit := p.slot(key)
	if p.filter[bit>>6]>>(bit&63)&1 == 0 {
		return noRank
	}
	for ; ; i = (i + 1) & mask {
		switch e := p.entries[i&mask]; {
		case e>>rankBits == key && e != 0:
			return uint32(e&rankMask) - 1
		case e == 0:
			return noRank
		}
	}
}
