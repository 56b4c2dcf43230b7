package tokenizer

import (
	"encoding/binary"
	"strings"
	"unsafe"
)

// Encoder is one goroutine's encoder: a Tokenizer with a cache of words and working memory. It must
// not be used concurrently.
type Encoder struct {
	t      *Tokenizer
	cache  wordCache
	ids    []int32
	ranks  []uint32
	merger merger
}

// NewEncoder returns an Encoder with an empty cache.
func (t *Tokenizer) NewEncoder() *Encoder { return &Encoder{t: t, cache: newWordCache()} }

// Encode is Tokenizer.Encode.
func (e *Encoder) Encode(dst []int32, text string, special bool) []int32 {
	text = replaceInvalid(text)
	if special {
		dst = append(dst, e.t.post.before...)
	}
	for from := 0; ; {
		token, start, end := e.t.added.raw.next(text, from)
		if token == nil {
			dst = e.piece(dst, text[from:], from == 0)
			break
		}
		dst = e.piece(dst, text[from:start], from == 0)
		dst = append(dst, token.ID)
		from = end
	}
	if special {
		dst = append(dst, e.t.post.after...)
	}
	return dst
}

// piece encodes text between two added tokens. first: it begins the input.
func (e *Encoder) piece(dst []int32, text string, first bool) []int32 {
	if text == "" {
		return dst
	}
	text = e.t.normalize.apply(text)
	for from := 0; ; {
		token, start, end := e.t.added.normalized.next(text, from)
		if token == nil {
			return e.words(dst, text[from:], first && from == 0)
		}
		dst = e.words(dst, text[from:start], first && from == 0)
		dst = append(dst, token.ID)
		from = end
	}
}

// words encodes normalized text without added tokens.
func (e *Encoder) words(dst []int32, text string, first bool) []int32 {
	if text == "" {
		return dst
	}
	text = e.t.prefixed(text, first)
	e.t.split.words(text, func(from, to int) { dst = e.word(dst, text[from:to]) })
	return dst
}

// prefixed puts what the pre-tokenizer wants before a text.
func (t *Tokenizer) prefixed(text string, first bool) string {
	if t.split.addSpace && text[0] != ' ' {
		return " " + text
	}
	wanted := t.prepend == prependAlways || t.prepend == prependFirst && first
	if wanted && !strings.HasPrefix(text, spaceMark) {
		return spaceMark + text
	}
	return text
}

// word appends a word's ids, from the cache if it is there.
func (e *Encoder) word(dst []int32, word string) []int32 {
	if len(word) > maxCachedWord {
		return e.merge(dst, word)
	}
	slot, ids := e.cache.find(word)
	if ids != nil {
		return append(dst, ids...)
	}
	before := len(dst)
	dst = e.merge(dst, word)
	e.cache.add(slot, word, dst[before:])
	return dst
}

// merge appends the ids of a word by merging: the pair of the lowest rank first, of equal ranks the
// leftmost.
func (e *Encoder) merge(dst []int32, word string) []int32 {
	m := e.t.bpe
	if m.ignoreMerges {
		if id, ok := m.ids[word]; ok {
			return append(dst, id)
		}
	}
	e.ids = m.symbols(e.ids[:0], word)
	if len(e.ids) > maxScannedWord {
		return e.merger.merge(dst, e.ids, &m.pairs)
	}
	return append(dst, e.scan(e.ids)...)
}

// maxScannedWord is the number of symbols up to which searching the ranks beats a heap.
const maxScannedWord = 48

// scan merges a short word in place, looking through all ranks for the lowest.
func (e *Encoder) scan(ids []int32) []int32 {
	pairs := &e.t.bpe.pairs
	ranks := e.ranks[:0]
	for i := 0; i+1 < len(ids); i++ {
		rank, _ := pairs.get(ids[i], ids[i+1])
		ranks = append(ranks, rank)
	}
	e.ranks = ranks
	for {
		best, at := uint32(noRank), -1
		for i, r := range ranks {
			if r < best {
				best, at = r, i
			}
		}
		if at < 0 {
			return ids
		}
		_, id := pairs.get(ids[at], ids[at+1])
		ids[at] = id
		ids = append(ids[:at+1], ids[at+2:]...)
		ranks = append(ranks[:at], ranks[at+1:]...)
		if at > 0 {
			ranks[at-1], _ = pairs.get(ids[at-1], id)
		}
		if at < len(ranks) {
			ranks[at], _ = pairs.get(id, ids[at+1])
		}
	}
}

const (
	// maxCachedWord is the length, in bytes, of the longest words that are cached.
	maxCachedWord = 64
	// cacheSlots and cacheBytes bound one Encoder's cache: 2^17 slots of 24 bytes, five eighths of
	// them used, and the words' bytes and ids.
	cacheSlots = 1 << 17
	cacheWords = cacheSlots / 8 * 5
)

// wordCache maps words to their ids by open addressing. When it is full, it stays as it is.
type wordCache struct {
	slots []cacheSlot
	count int
	keys  []byte
	ids   []int32
}

type cacheSlot struct {
	hash        uint64 // 0: empty
	key, id     uint32 // where the word and its ids begin
	keyLen, ids uint16
}

func newWordCache() wordCache { return wordCache{slots: make([]cacheSlot, cacheSlots)} }

// find returns the word's ids, or nil and the slot where they belong.
func (c *wordCache) find(word string) (*cacheSlot, []int32) {
	h := hashWord(word)
	for i := h & (cacheSlots - 1); ; i = (i + 1) & (cacheSlots - 1) {
		s := &c.slots[i]
		if s.hash == h && int(s.keyLen) == len(word) &&
			string(c.keys[s.key:s.key+uint32(s.keyLen)]) == word {
			return s, c.ids[s.id : s.id+uint32(s.ids) : s.id+uint32(s.ids)]
		}
		if s.hash == 0 {
			return s, nil
		}
	}
}

func (c *wordCache) add(s *cacheSlot, word string, ids []int32) {
	if c.count >= cacheWords || len(ids) == 0 {
		return
	}
	c.count++
	*s = cacheSlot{
		hash: hashWord(word), key: uint32(len(c.keys)), id: uint32(len(c.ids)),
		keyLen: uint16(len(word)), ids: uint16(len(ids)),
	}
	c.keys = append(c.keys, word...)
	c.ids = append(c.ids, ids...)
}

// hashWord is never 0.
func hashWord(word string) uint64 {
	b := unsafe.Slice(unsafe.StringData(word), len(word))
	h := uint64(len(b)) * 0x9E3779B97F4A7C15
	for len(b) >= 8 {
		h = mix(h ^ binary.LittleEndian.Uint64(b))
		b = b[8:]
	}
	var tail uint64
	for i, c := range b {
		tail |= uint64(c) << (8 * i)
	}
	return mix(h^tail) | 1
}
