package tokenizer

// wordEncoder encodes words, from a cache if they are there.
type wordEncoder struct {
	m      *bpe
	whole  map[string]int32 // words that are tokens whatever the merges say; nil: none
	cache  wordCache
	merger merger
}

func newWordEncoder(m *bpe, whole map[string]int32) *wordEncoder {
	return &wordEncoder{m: m, whole: whole, cache: newWordCache()}
}

// append appends the ids of the word s[i:j].
func (e *wordEncoder) append(dst []int32, s string, i, j int) []int32 {
	if j-i > maxShort {
		return e.appendLong(dst, s[i:j])
	}
	low, high := shortKey(s, i, j)
	slot := e.cache.find(low, high)
	if slot.high == 0 {
		return e.appendNew(dst, s[i:j], slot, low, high)
	}
	return e.appendKnown(dst, slot)
}

// appendPlain appends the ids of the word of n bytes that begins at s[i] and in w.
func (e *wordEncoder) appendPlain(dst []int32, s string, i int, w window, n int) []int32 {
	low, high := w.key(n)
	slot := e.cache.find(low, high)
	if slot.high == 0 {
		return e.appendNew(dst, s[i:i+n], slot, low, high)
	}
	return e.appendKnown(dst, slot)
}

// appendKnown appends the ids of a slot that is not empty: without a copying loop, where there is room.
func (e *wordEncoder) appendKnown(dst []int32, slot *cacheSlot) []int32 {
	n := len(dst)
	if slot.n > uint32(len(slot.ids)) || n+len(slot.ids) > cap(dst) {
		return append(dst, e.cache.known(slot)...)
	}
	*(*[3]int32)(dst[n : n+3]) = slot.ids
	return dst[:n+int(slot.n)]
}

// appendLong is append for words of more than 15 bytes.
func (e *wordEncoder) appendLong(dst []int32, word string) []int32 {
	if len(word) > maxCached {
		return e.appendMerged(dst, word)
	}
	slot, low, high := e.cache.findLong(word)
	if slot.high != 0 {
		return append(dst, e.cache.known(slot)...)
	}
	if e.cache.makeRoom() {
		slot, low, high = e.cache.findLong(word)
	}
	before := len(dst)
	dst = e.appendMerged(dst, word)
	e.cache.keys = append(e.cache.keys, word...)
	e.cache.fill(slot, low, high, dst[before:])
	return dst
}

// appendNew appends the ids of a short word that is not in the cache, and enters them there.
func (e *wordEncoder) appendNew(dst []int32, word string, slot *cacheSlot, low, high uint64) []int32 {
	if e.cache.makeRoom() {
		slot = e.cache.find(low, high)
	}
	before := len(dst)
	dst = e.appendMerged(dst, word)
	e.cache.fill(slot, low, high, dst[before:])
	return dst
}

// appendMerged appends the ids of a word by merging.
func (e *wordEncoder) appendMerged(dst []int32, word string) []int32 {
	if id, ok := e.whole[word]; ok {
		return append(dst, id)
	}
	return e.merger.merge(dst, e.m, word)
}
