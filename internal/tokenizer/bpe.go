package tokenizer

import (
	"errors"
	"fmt"
	"math"
	"sort"
	"unicode/utf8"
)

// bpe is a vocabulary with its merges.
type bpe struct {
	tokens []string // by id, as the file writes them
	known  []bool
	ids    map[string]int32

	bytes        bool // words are bytes, each a printable character of the vocabulary; else characters
	fuseUnknown  bool
	unknown      int32 // -1: none
	byteIDs      [256]int32
	complete     bool // every byte has an id
	asciiIDs     [utf8.RuneSelf]int32
	runeIDs      map[rune]int32
	whole        map[string]int32 // words that are tokens whatever the merges say; nil: none
	spaceIsMark  bool             // a space in a word is read as a space mark
	byteFallback bool

	pairs  pairTable
	merged []int32  // by rank: the id that the merge makes
	order  []uint32 // by rank: what merges are ordered by; nil: the rank itself
	first  [utf8.RuneSelf * utf8.RuneSelf]uint32
}

// The limits that the tables' packing sets.
const (
	maxTokens = 1 << 21
	maxMerges = 1<<22 - 1
)

func newBPE(s *spec) (*bpe, error) {
	m := &bpe{
		bytes: s.byteLevel, fuseUnknown: s.fuseUnknown, byteFallback: s.byteFallback,
		unknown: -1, ids: s.vocab, runeIDs: map[rune]int32{},
	}
	if len(s.vocab) == 0 {
		return nil, errors.New("model.vocab is empty")
	}
	if err := m.setTokens(s); err != nil {
		return nil, err
	}
	m.indexCharacters()
	if err := m.setUnknown(s.unknown); err != nil {
		return nil, err
	}
	if s.ignoreMerges {
		m.indexWords()
	}
	var err error
	if s.scores != nil {
		err = m.mergesByScore(s)
	} else {
		err = m.mergesByRank(s.merges)
	}
	if err != nil {
		return nil, err
	}
	m.indexFirstPairs()
	return m, nil
}

// setTokens fills the tables by id.
func (m *bpe) setTokens(s *spec) error {
	size := 0
	check := func(token string, id int32) error {
		if id < 0 || id >= maxTokens {
			return fmt.Errorf("token %q has id %d, outside 0..%d", token, id, maxTokens-1)
		}
		size = max(size, int(id)+1)
		return nil
	}
	for token, id := range s.vocab {
		if err := check(token, id); err != nil {
			return err
		}
	}
	for _, a := range s.added {
		if err := check(a.Content, a.ID); err != nil {
			return err
		}
	}
	m.tokens, m.known = make([]string, size), make([]bool, size)
	for token, id := range s.vocab {
		if m.known[id] {
			return fmt.Errorf("tokens %q and %q have the same id %d", token, m.tokens[id], id)
		}
		m.tokens[id], m.known[id] = token, true
	}
	for _, a := range s.added {
		m.tokens[a.ID], m.known[a.ID] = a.Content, true
	}
	return nil
}

// setUnknown needs the unknown token to exist only if text may hold what has no token.
func (m *bpe) setUnknown(token string) error {
	if token == "" {
		return nil
	}
	id, ok := m.ids[token]
	if !ok && !(m.bytes && m.complete) {
		return fmt.Errorf("the unknown token %q is not in the vocabulary", token)
	}
	if ok {
		m.unknown = id
	}
	return nil
}

// indexCharacters finds the tokens of single bytes and characters.
func (m *bpe) indexCharacters() {
	m.complete = true
	for b := range m.byteIDs {
		name := string(toRune[b])
		if !m.bytes {
			name = fmt.Sprintf("<0x%02X>", b)
		}
		id, ok := m.ids[name]
		if !ok || !m.bytes && !m.byteFallback {
			id = -1
			m.complete = false
		}
		m.byteIDs[b] = id
	}
	for r := range m.asciiIDs {
		m.asciiIDs[r] = -1
	}
	for token, id := range m.ids {
		r, n := utf8.DecodeRuneInString(token)
		if n == 0 || n != len(token) || r == utf8.RuneError && n == 1 {
			continue
		}
		m.runeIDs[r] = id
		if r < utf8.RuneSelf {
			m.asciiIDs[r] = id
		}
	}
}

// indexWords lists the words that are tokens: of a byte-level vocabulary, as the bytes that the
// tokens stand for.
func (m *bpe) indexWords() {
	if m.whole = m.ids; !m.bytes {
		return
	}
	m.whole = make(map[string]int32, len(m.ids))
	for token, id := range m.ids {
		if raw, ok := fromPrintable(token); ok {
			m.whole[raw] = id
		}
	}
}

func (m *bpe) mergesByRank(merges [][2]string) error {
	if len(merges) > maxMerges {
		return fmt.Errorf("%d merges are more than %d", len(merges), maxMerges)
	}
	m.pairs, m.merged = newPairTable(len(merges)), make([]int32, len(merges))
	for rank, pair := range merges {
		left, ok1 := m.ids[pair[0]]
		right, ok2 := m.ids[pair[1]]
		merged, ok3 := m.ids[pair[0]+pair[1]]
		if !ok1 || !ok2 || !ok3 {
			return fmt.Errorf("model.merges[%d] %q: a part or the result is not in the vocabulary",
				rank, pair)
		}
		m.merged[rank] = merged
		m.pairs.set(left, right, uint32(rank)) // of a repeated merge the last one holds
	}
	return nil
}

// mergesByScore makes every split of a piece into two pieces a merge, ordered by the piece's score,
// the highest first: SentencePiece's rule. Pieces of one score are merged from left to right.
func (m *bpe) mergesByScore(s *spec) error {
	pieces := make([]int32, 0, len(s.scores))
	for id, score := range s.scores {
		if !math.IsInf(float64(score), -1) {
			pieces = append(pieces, int32(id))
		}
	}
	sort.SliceStable(pieces, func(i, j int) bool {
		return s.scores[pieces[i]] > s.scores[pieces[j]]
	})
	type merge struct{ left, right, id int32 }
	var merges []merge
	class := uint32(0)
	for n, id := range pieces {
		if n > 0 && s.scores[id] != s.scores[pieces[n-1]] {
			class++
		}
		token := m.tokens[id]
		for k := range token {
			left, ok1 := m.ids[token[:k]]
			right, ok2 := m.ids[token[k:]]
			if k > 0 && ok1 && ok2 {
				merges = append(merges, merge{left, right, id})
				m.order = append(m.order, class)
			}
		}
	}
	if len(merges) > maxMerges {
		return fmt.Errorf("%d merges are more than %d", len(merges), maxMerges)
	}
	m.pairs, m.merged = newPairTable(len(merges)), make([]int32, len(merges))
	for rank, x := range merges {
		m.merged[rank] = x.id
		m.pairs.set(x.left, x.right, uint32(rank))
	}
	return nil
}

// indexFirstPairs tabulates the merges of two ASCII characters, which most words begin with.
func (m *bpe) indexFirstPairs() {
	id := func(c int) int32 {
		if m.bytes {
			return m.byteIDs[c]
		}
		return m.asciiIDs[c]
	}
	for a := range utf8.RuneSelf {
		for b := range utf8.RuneSelf {
			m.first[a*utf8.RuneSelf+b] = m.pairs.get(id(a), id(b))
		}
	}
}

// priority puts what merges are ordered by above the rank that finds the result.
func (m *bpe) priority(rank uint32) uint64 {
	if m.order == nil || rank == noRank {
		return uint64(rank)<<32 | uint64(rank)
	}
	return uint64(m.order[rank])<<32 | uint64(rank)
}

// symbols appends the ids that a word's merging starts from and, if asked to, the bytes of the word
// that each stands for.
func (m *bpe) symbols(ids, widths []int32, word string, track bool) (_, _ []int32) {
	if m.bytes && m.complete {
		for i := range len(word) {
			ids = append(ids, m.byteIDs[word[i]])
		}
		for range len(word) {
			if track {
				widths = append(widths, 1)
			}
		}
		return ids, widths
	}
	b := symbolBuilder{m: m, ids: ids, widths: widths}
	if m.bytes {
		for i := range len(word) {
			b.char(m.byteIDs[word[i]], string(toRune[word[i]]), 1)
		}
	} else {
		for i := 0; i < len(word); {
			r, n := utf8.DecodeRuneInString(word[i:])
			if r == ' ' && m.spaceIsMark {
				r = '▁'
			}
			b.char(m.charID(r), word[i:i+n], int32(n))
			i += n
		}
	}
	b.flush()
	return b.ids, b.widths
}

// charID returns a character's token, -1 if it has none.
func (m *bpe) charID(r rune) int32 {
	if r < utf8.RuneSelf {
		return m.asciiIDs[r]
	}
	if id, ok := m.runeIDs[r]; ok {
		return id
	}
	return -1
}

// symbolBuilder appends symbols in the reference's order: an unknown token is held back until a known
// character or the end, so bytes that stand in for a character come before it.
type symbolBuilder struct {
	m            *bpe
	ids, widths  []int32
	unknownWidth int32 // of the unknown token that is held back; 0: none
}

func (b *symbolBuilder) add(id, width int32) {
	b.ids, b.widths = append(b.ids, id), append(b.widths, width)
}

// flush appends the unknown token that is held back.
func (b *symbolBuilder) flush() {
	if b.unknownWidth > 0 {
		b.add(b.m.unknown, b.unknownWidth)
		b.unknownWidth = 0
	}
}

// char appends a character that has width bytes: its own token, its bytes' or the unknown token; a
// character with none of them is dropped.
func (b *symbolBuilder) char(id int32, text string, width int32) {
	if id >= 0 {
		b.flush()
		b.add(id, width)
		return
	}
	if b.m.byteFallback && b.bytes(text) {
		return
	}
	if b.m.unknown < 0 {
		return
	}
	if !b.m.fuseUnknown {
		b.flush()
	}
	b.unknownWidth += width
}

// bytes appends the byte tokens of a character, if all of them exist.
func (b *symbolBuilder) bytes(text string) bool {
	before := len(b.ids)
	for i := range len(text) {
		id, ok := b.m.byteToken(text[i])
		if !ok {
			b.ids, b.widths = b.ids[:before], b.widths[:before]
			return false
		}
		b.add(id, 1)
	}
	return true
}

// byteToken returns the id of a byte's <0xHH> token.
func (m *bpe) byteToken(c byte) (int32, bool) {
	if !m.bytes {
		return m.byteIDs[c], m.byteIDs[c] >= 0
	}
	id, ok := m.ids[fmt.Sprintf("<0x%02X>", c)]
	return id, ok
}
