package tokenizer

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// wordCache maps words to their ids by open addressing. It grows up to a fixed size; when it is full
// it is emptied, so that it follows a text that changes its subject.
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
	// The table has at first 2^12 slots of 32 bytes, at most 2^17 (4 MiB), at most five eighths of
	// them used. Long words and long lists of ids may take 4 MiB each.
	minSlots   = 1 << 12
	maxSlots   = 1 << 17
	cacheBytes = 4 << 20
	cacheIDs   = 1 << 20
	// longMark is the last byte of a slot with a word that lies elsewhere.
	longMark = 0xFF << 56
)

func newWordCache() wordCache { return wordCache{slots: make([]cacheSlot, minSlots)} }

// window is 16 bytes of text, the first in the lowest bits of low.
type window struct{ low, high uint64 }

// windowSize is the number of bytes in a window.
const windowSize = 16

// windowAt returns the window that begins at s[i]; i+windowSize is at most len(s).
func windowAt(s string, i int) window {
	b := (*[windowSize]byte)(unsafe.Add(unsafe.Pointer(unsafe.StringData(s)), i))
	return window{binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])}
}

// key packs the first n bytes, at most 15.
func (w window) key(n int) (low, high uint64) {
	k := &keyMasks[n&maxShort]
	return w.low & k.low, w.high&k.high | k.length
}

// keyMasks has, for each length, the bytes of a window that belong to the word, and the last byte of its
// key.
var keyMasks = [maxShort + 1]struct{ low, high, length uint64 }{
	{0x0, 0x0, 0 << 56},
	{0xFF, 0x0, 1 << 56},
	{0xFFFF, 0x0, 2 << 56},
	{0xFFFFFF, 0x0, 3 << 56},
	{0xFFFFFFFF, 0x0, 4 << 56},
	{0xFFFFFFFFFF, 0x0, 5 << 56},
	{0xFFFFFFFFFFFF, 0x0, 6 << 56},
	{0xFFFFFFFFFFFFFF, 0x0, 7 << 56},
	{0xFFFFFFFFFFFFFFFF, 0x0, 8 << 56},
	{0xFFFFFFFFFFFFFFFF, 0xFF, 9 << 56},
	{0xFFFFFFFFFFFFFFFF, 0xFFFF, 10 << 56},
	{0xFFFFFFFFFFFFFFFF, 0xFFFFFF, 11 << 56},
	{0xFFFFFFFFFFFFFFFF, 0xFFFFFFFF, 12 << 56},
	{0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFF, 13 << 56},
	{0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFF, 14 << 56},
	{0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFF, 15 << 56},
}

// shortKey packs s[i:j], of at most 15 bytes.
func shortKey(s string, i, j int) (low, high uint64) {
	if i+windowSize <= len(s) {
		return windowAt(s, i).key(j - i)
	}
	var b [windowSize]byte
	copy(b[:], s[i:j])
	w := window{binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])}
	return w.key(j - i)
}

// letters returns the number of ASCII letters that the window begins with.
func (w window) letters() int {
	n := bits.TrailingZeros64(notLetters(w.low)) / 8
	if n == 8 {
		n += bits.TrailingZeros64(notLetters(w.high)) / 8
	}
	return n
}

// notLetters marks the bytes of w that are no ASCII letters by their highest bit. With the case bit
// set, a letter lies in a…z: adding 0x80-'a' carries into the highest bit from 'a' on, 0x7F-'z'
// from behind 'z' on; no sum carries into the next byte.
func notLetters(w uint64) uint64 {
	const ones = 0x0101010101010101
	lower := (w | 0x20*ones) & (0x7F * ones)
	fromA, behindZ := lower+(0x80-'a')*ones, lower+(0x7F-'z')*ones
	return ^(fromA &^ behindZ &^ w) & (0x80 * ones)
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
	mask := uint64(len(c.slots) - 1)
	for i := hashShort(low, high); ; i++ {
		s := &c.slots[i&mask]
		if s.high == high && s.low == low || s.high == 0 {
			return s
		}
	}
}

// findLong is find for a longer word. It also returns what the slot's key is or is to be.
func (c *wordCache) findLong(word string) (s *cacheSlot, low, high uint64) {
	low = hashLong(word)
	mark := longMark | uint64(len(word))<<40
	mask := uint64(len(c.slots) - 1)
	for i := low; ; i++ {
		s := &c.slots[i&mask]
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

// makeRoom makes the table larger, or empties it, if another word would be too much. It reports
// whether slots have moved.
func (c *wordCache) makeRoom() bool {
	if len(c.keys) > cacheBytes || len(c.ids) > cacheIDs {
		c.reset()
		return true
	}
	if c.count < len(c.slots)/8*5 {
		return false
	}
	if len(c.slots) == maxSlots {
		c.reset()
	} else {
		c.grow()
	}
	return true
}

// reset empties the cache.
func (c *wordCache) reset() {
	clear(c.slots)
	c.count, c.keys, c.ids = 0, c.keys[:0], c.ids[:0]
}

// grow makes the table four times as large. The words stay: of a long one, low is the hash.
func (c *wordCache) grow() {
	old := c.slots
	c.slots = make([]cacheSlot, min(4*len(old), maxSlots))
	mask := uint64(len(c.slots) - 1)
	for _, s := range old {
		if s.high == 0 {
			continue
		}
		i := s.low
		if s.high < longMark {
			i = hashShort(s.low, s.high)
		}
		for c.slots[i&mask].high != 0 {
			i++
		}
		c.slots[i&mask] = s
	}
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
