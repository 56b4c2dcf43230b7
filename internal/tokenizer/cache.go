package tokenizer

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// wordCache maps words to their ids by open addressing. When it is full it is emptied, so that it
// follows a text that changes its subject and stays within a fixed size.
type wordCache struct {
	slots []cacheSlot
	count int
	keys  []byte  // words too long for a slot
	ids   []int32 // lists of ids too long for a slot
}

// cacheSlot holds a word of at most 15 bytes in low and high, padded with zeros, the last byte its
// length; or, of a longer word, its hash and where its bytes are.
type cacheSlot struct {
	low, high uint64
	ids       [3]int32 // or, of more ids, where they are
	n         uint32   // number of ids
}

const (
	// maxShort is the length of the longest words that a slot holds.
	maxShort = 15
	// maxCached is the length, in bytes, of the longest words that are cached.
	maxCached = 256
	// The size of one Encoder's cache: 2^17 slots of 32 bytes, five eighths of them used, and up
	// to 4 MiB of long words and as much of long lists of ids.
	cacheSlots = 1 << 17
	cacheWords = cacheSlots / 8 * 5
	cacheBytes = 4 << 20
	cacheIDs   = 1 << 20
	// longMark is the last byte of a slot with a word that lies elsewhere.
	longMark = 0xFF << 56
)

func newWordCache() wordCache { return wordCache{slots: make([]cacheSlot, cacheSlots)} }

// shortKey packs s[i:j], of at most 15 bytes.
func shortKey(s string, i, j int) (low, high uint64) {
	n := j - i
	if i+16 <= len(s) {
		p := unsafe.Pointer(unsafe.StringData(s))
		b := (*[16]byte)(unsafe.Add(p, i))
		low, high = binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])
	} else {
		var b [16]byte
		copy(b[:], s[i:])
		low, high = binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])
	}
	if n >= 8 {
		high &= 1<<(8*(n-8)) - 1
	} else {
		low &= 1<<(8*n) - 1
		high = 0
	}
	return low, high | uint64(n)<<56
}

// hashShort spreads a packed word over 64 bits (Wang Yi's wyhash: a product folded onto itself).
func hashShort(low, high uint64) uint64 {
	a, b := bits.Mul64(low^0x9E3779B97F4A7C15, high^0xD6E8FEB86659FD93)
	return a ^ b
}

// hashLong hashes a word of any length.
func hashLong(word string) uint64 {
	h := uint64(len(word))
	for len(word) > maxShort {
		low, high := shortKey(word, 0, maxShort)
		h = hashShort(low^h, high)
		word = word[maxShort:]
	}
	low, high := shortKey(word, 0, len(word))
	return hashShort(low^h, high)
}

// find returns the slot of a packed short word, or the empty one where it belongs.
func (c *wordCache) find(low, high uint64) *cacheSlot {
	for i := hashShort(low, high); ; i++ {
		s := &c.slots[i%cacheSlots]
		if s.high == high && s.low == low || s.high == 0 {
			return s
		}
	}
}

// findLong is find for a longer word. The empty slot is returned with what its key is to be.
func (c *wordCache) findLong(word string) (s *cacheSlot, low, high uint64) {
	low = hashLong(word)
	mark := longMark | uint64(len(word))<<40
	for i := low; ; i++ {
		s := &c.slots[i%cacheSlots]
		if s.high == 0 {
			return s, low, mark | uint64(len(c.keys))
		}
		if s.low != low || s.high&^(1<<40-1) != mark {
			continue
		}
		at := s.high & (1<<40 - 1)
		if string(c.keys[at:at+uint64(len(word))]) == word {
			return s, low, s.high
		}
	}
}

// known returns the ids of a slot that is not empty.
func (c *wordCache) known(s *cacheSlot) []int32 {
	if s.n <= uint32(len(s.ids)) {
		return s.ids[:s.n]
	}
	return c.ids[s.ids[0]:][:s.n]
}

// full reports whether the cache must be emptied before another word goes in.
func (c *wordCache) full() bool {
	return c.count >= cacheWords || len(c.keys) > cacheBytes || len(c.ids) > cacheIDs
}

// reset empties the cache.
func (c *wordCache) reset() {
	clear(c.slots)
	c.count, c.keys, c.ids = 0, c.keys[:0], c.ids[:0]
}

// fill enters a word's ids.
func (c *wordCache) fill(s *cacheSlot, low, high uint64, ids []int32) {
	c.count++
	s.low, s.high, s.n = low, high, uint32(len(ids))
	if copy(s.ids[:], ids) < len(ids) {
		s.ids[0] = int32(len(c.ids))
		c.ids = append(c.ids, ids...)
	}
}
