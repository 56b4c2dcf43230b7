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

	pairs   pairTable
	inOrder bool                 // the ids that merges make are those behind each other
	merged  []int32              // by rank: the id that the merge makes
	charIDs []int32              // bytes: of the characters up to U+FFFF that merge into one token, else -1
	joints  *joints              // bytes: nil: not known
	classes []uint32             // by rank: what merges are ordered by, if several are equal; nil: the rank
	firsts  []uint32             // the shifted orders of pairs of ASCII characters
	singles [utf8.RuneSelf]int32 // with firsts: of ASCII characters that are one symbol always, else -1
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
	return m, nil
}

// indexFirsts tabulates the merges of two ASCII characters, which most words begin with: where each
// has a symbol of its own, in order.
func (m *bpe) indexFirsts() {
	if m.byteFallback && !m.complete {
		return
	}
	m.firsts = make([]uint32, utf8.RuneSelf*utf8.RuneSelf)
	for a := range byte(utf8.RuneSelf) {
		if m.singles[a] = m.asciiSymbol(a); m.singles[a] == m.unknown {
			m.singles[a] = -1 // neighbours may be one symbol
		}
		for b := range byte(utf8.RuneSelf) {
			m.firsts[int(a)<<7|int(b)] = m.shifted(m.asciiSymbol(a), m.asciiSymbol(b))
		}
	}
}

// asciiSymbol returns the symbol of an ASCII character, -1 if it has none.
func (m *bpe) asciiSymbol(c byte) int32 {
	id := m.asciiIDs[c]
	switch {
	case c == ' ' && m.spaceIsMark:
		return m.charID('▁') // its bytes are not one symbol
	case m.bytes || id < 0:
		id = m.byteIDs[c]
	}
	if id < 0 {
		id = m.unknown
	}
	return id
}

// asciiSymbols appends the symbols of an ASCII word; ok is false if not each character is one.
func (m *bpe) asciiSymbols(ids []int32, word string) (_ []int32, ok bool) {
	for i := range len(word) {
		id := m.singles[word[i]&(utf8.RuneSelf-1)]
		if id < 0 {
			return ids, false
		}
		ids = append(ids, id)
	}
	return ids, true
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
	m.inOrder = len(merges) > 0
	for rank, id := range m.merged {
		m.inOrder = m.inOrder && id == m.merged[0]+int32(rank)
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
				m.classes = append(m.classes, class)
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

// order returns what the merge of a rank is ordered by; noRank stays noRank.
func (m *bpe) order(rank uint32) uint32 {
	if m.classes == nil || rank == noRank {
		return rank
	}
	return m.classes[rank]
}

// result returns what the merge of two ids makes, whose order is known.
func (m *bpe) result(order uint32, left, right int32) int32 {
	switch {
	case m.inOrder:
		return m.merged[0] + int32(order)
	case m.classes != nil:
		order = m.pairs.get(left, right)
	}
	return m.merged[order]
}

// indexWholeCharacters finds the characters whose bytes merge into one token, and where characters may
// be taken whole.
func (m *bpe) indexWholeCharacters() {
	m.joints = newByteJoints(m)
	m.charIDs = make([]int32, 1<<16)
	for i := range m.charIDs {
		m.charIDs[i] = -1
	}
	var g merger
	var merged []int32
	for token, id := range m.ids {
		raw, ok := fromPrintable(token)
		r, n := utf8.DecodeRuneInString(raw)
		if !ok || n < 2 || n != len(raw) || r >= 1<<16 {
			continue
		}
		g.ids, _ = m.symbols(g.ids[:0], nil, raw, false)
		if merged = g.scan(merged[:0], m, raw); len(merged) == 1 && merged[0] == id {
			m.charIDs[r] = id
		}
	}
}

// wholeSymbols appends the ids that a word's merging can start from if characters are taken whole: no
// merge joins half of one to something else, so its bytes merge first, alone. ok is false if that is
// not so somewhere in the word.
func (m *bpe) wholeSymbols(ids []int32, word string) (_ []int32, ok bool) {
	for i := 0; i < len(word); {
		if i > 0 && m.joints.part(word[i-1], word[i]) {
			return ids, false
		}
		r, n := utf8.DecodeRuneInString(word[i:])
		if n > 1 && r < 1<<16 && m.charIDs[r] >= 0 {
			ids = append(ids, m.charIDs[r])
			i += n
			continue
		}
		for range n {
			ids = append(ids, m.byteIDs[word[i]])
			i++
		}
	}
	return ids, true
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
			text := word[i : i+n]
			if r == ' ' && m.spaceIsMark {
				r, text = '▁', spaceMark
			}
			b.char(m.charID(r), text, int32(n))
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
