package tokenizer

import (
	"fmt"
	"math/bits"
	"sort"
	"strings"
	"unicode/utf8"
)

// bpe is a vocabulary with its merges. Tokens are kept as the bytes that they stand for: a
// byte-level vocabulary's printable stand-ins are undone on load.
type bpe struct {
	byteLevel    bool
	ignoreMerges bool
	fuseUnknown  bool
	unknown      int32 // -1: none
	tokens       []string
	known        []bool
	ids          map[string]int32
	byteIDs      [256]int32     // of a single byte, or of its <0xHH> token; -1: none
	runeIDs      map[rune]int32 // of single characters
	asciiIDs     [utf8.RuneSelf]int32
	pairs        pairTable
}

// pairTable maps two neighbouring ids to their merge by open addressing.
type pairTable struct {
	entries []pairEntry
	mask    uint64
}

type pairEntry struct {
	key  uint64 // left<<32 | right | used; 0: empty
	rank uint32
	id   int32
}

const used = 1 << 63

func newBPE(s *spec) (*bpe, error) {
	m := &bpe{
		byteLevel: s.byteLevel, ignoreMerges: s.ignoreMerges, fuseUnknown: s.fuseUnknown,
		unknown: -1, ids: make(map[string]int32, len(s.vocab)), runeIDs: map[rune]int32{},
	}
	for token, id := range s.vocab {
		if err := m.addPiece(id, token); err != nil {
			return nil, err
		}
	}
	if s.unknown != "" {
		id, ok := s.vocab[s.unknown]
		if !ok {
			return nil, fmt.Errorf("the unknown token %q is not in the vocabulary", s.unknown)
		}
		m.unknown = id
	}
	m.indexCharacters(s.byteFallback)
	if s.scores != nil {
		m.pairsByScore(s)
		return m, nil
	}
	return m, m.pairsByRank(s.merges)
}

// maxID bounds what a damaged file can make us allocate.
const maxID = 1 << 24

func (m *bpe) addPiece(id int32, written string) error {
	if err := m.grow(id, written); err != nil {
		return err
	}
	token := written
	if m.byteLevel {
		token = fromPrintable(written)
	}
	m.tokens[id], m.known[id], m.ids[token] = token, true, id
	return nil
}

// addToken gives an added token its id; it may be in the vocabulary already.
func (m *bpe) addToken(id int32, content string) error {
	if err := m.grow(id, content); err != nil {
		return err
	}
	m.tokens[id], m.known[id] = content, true
	return nil
}

func (m *bpe) grow(id int32, token string) error {
	if id < 0 || id >= maxID {
		return fmt.Errorf("token %q has id %d, outside 0..%d", token, id, maxID-1)
	}
	for int(id) >= len(m.tokens) {
		m.tokens, m.known = append(m.tokens, ""), append(m.known, false)
	}
	return nil
}

func (m *bpe) indexCharacters(byteFallback bool) {
	for b := range m.byteIDs {
		m.byteIDs[b] = -1
		if m.byteLevel {
			if id, ok := m.ids[string([]byte{byte(b)})]; ok {
				m.byteIDs[b] = id
			}
		} else if byteFallback {
			if id, ok := m.ids[fmt.Sprintf("<0x%02X>", b)]; ok {
				m.byteIDs[b] = id
			}
		}
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

func (m *bpe) pairsByRank(merges [][2]string) error {
	m.pairs = newPairTable(len(merges))
	for rank, pair := range merges {
		a, b := pair[0], pair[1]
		if m.byteLevel {
			a, b = fromPrintable(a), fromPrintable(b)
		}
		left, ok1 := m.ids[a]
		right, ok2 := m.ids[b]
		merged, ok3 := m.ids[a+b]
		if !ok1 || !ok2 || !ok3 {
			return fmt.Errorf("model.merges[%d] %q: a part or the result is not in the vocabulary",
				rank, pair)
		}
		m.pairs.set(left, right, uint32(rank), merged)
	}
	return nil
}

// pairsByScore makes every split of a piece into two pieces a merge, ranked by the piece's score,
// the highest first: SentencePiece's rule.
func (m *bpe) pairsByScore(s *spec) {
	order := make([]int32, 0, len(s.scores))
	for id := range s.scores {
		if s.vocab[m.tokens[id]] == int32(id) && m.known[id] {
			order = append(order, int32(id))
		}
	}
	sort.SliceStable(order, func(i, j int) bool { return s.scores[order[i]] > s.scores[order[j]] })
	type merge struct {
		left, right, id int32
		rank            uint32
	}
	var merges []merge
	for rank, id := range order {
		piece := m.tokens[id]
		for k := range piece {
			left, ok1 := m.ids[piece[:k]]
			right, ok2 := m.ids[piece[k:]]
			if k > 0 && ok1 && ok2 {
				merges = append(merges, merge{left, right, id, uint32(rank)})
			}
		}
	}
	m.pairs = newPairTable(len(merges))
	for _, x := range merges {
		m.pairs.set(x.left, x.right, x.rank, x.id)
	}
}

func newPairTable(n int) pairTable {
	size := 1 << bits.Len(uint(2*n+1))
	return pairTable{entries: make([]pairEntry, size), mask: uint64(size - 1)}
}

func pairKey(left, right int32) uint64 { return uint64(uint32(left))<<32 | uint64(right) | used }

func (p *pairTable) set(left, right int32, rank uint32, id int32) {
	key := pairKey(left, right)
	i := mix(key) & p.mask
	for p.entries[i].key != 0 && p.entries[i].key != key {
		i = (i + 1) & p.mask
	}
	p.entries[i] = pairEntry{key, rank, id} // a repeated merge: the last one holds, as in the reference
}

// get returns the merge of two ids; its rank is noRank if there is none.
func (p *pairTable) get(left, right int32) (rank uint32, id int32) {
	key := pairKey(left, right)
	for i := mix(key) & p.mask; ; i = (i + 1) & p.mask {
		switch e := &p.entries[i]; e.key {
		case key:
			return e.rank, e.id
		case 0:
			return noRank, -1
		}
	}
}

// mix spreads a key over 64 bits by a multiplication folded onto itself.
func mix(k uint64) uint64 {
	hi, lo := bits.Mul64(k^0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93)
	return hi ^ lo
}

// spaceInside reports whether some token has a space mark behind another character, so that text
// may not be cut before runs of spaces.
func (m *bpe) spaceInside() bool {
	for token := range m.ids {
		rest := strings.TrimLeft(token, spaceMark)
		if strings.Contains(rest, spaceMark) {
			return true
		}
	}
	return false
}

// symbols appends the ids that a word's merging starts from.
func (m *bpe) symbols(ids []int32, word string) []int32 {
	if m.byteLevel {
		for i := range len(word) {
			ids = append(ids, m.byteIDs[word[i]])
		}
		return ids
	}
	unknowns := false
	for i, r := range word {
		id := int32(-1)
		if r < utf8.RuneSelf {
			id = m.asciiIDs[r]
		} else if known, ok := m.runeIDs[r]; ok {
			id = known
		}
		if id >= 0 {
			ids, unknowns = append(ids, id), false
			continue
		}
		before := len(ids)
		if ids = m.fallback(ids, word[i:i+utf8.RuneLen(r)]); len(ids) > before {
			unknowns = false
			continue
		}
		if m.unknown >= 0 && !(unknowns && m.fuseUnknown) {
			ids = append(ids, m.unknown)
		}
		unknowns = true
	}
	return ids
}

// fallback appends the byte tokens of one character, or nothing if one of them is missing.
func (m *bpe) fallback(ids []int32, char string) []int32 {
	for i := range len(char) {
		if m.byteIDs[char[i]] < 0 {
			return ids[:len(ids)-i]
		}
		ids = append(ids, m.byteIDs[char[i]])
	}
	return ids
}

// id returns the id of a token as the file writes it.
func (m *bpe) id(written string) (int32, bool) {
	if m.byteLevel {
		written = fromPrintable(written)
	}
	id, ok := m.ids[written]
	return id, ok
}

// written returns the token as the file writes it.
func (m *bpe) written(id int32) string {
	token := m.tokens[id]
	if in, ok := m.ids[token]; m.byteLevel && ok && in == id {
		return toPrintable(token)
	}
	return token
}

// GPT-2 writes bytes as printable characters: those that print stand for themselves, the others
// follow from U+0100 on (Radford et al. 2019, bytes_to_unicode).
func printable(b byte) bool {
	return b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE
}

var toRune, fromRune = func() (to [256]rune, from map[rune]byte) {
	from = make(map[rune]byte, 256)
	next := rune(256)
	for b := range 256 {
		to[b] = rune(b)
		if !printable(byte(b)) {
			to[b] = next
			next++
		}
		from[to[b]] = byte(b)
	}
	return to, from
}()

func toPrintable(token string) string {
	var b strings.Builder
	for i := range len(token) {
		b.WriteRune(toRune[token[i]])
	}
	return b.String()
}

// fromPrintable undoes toPrintable; a token with a character that stands for no byte is left as is.
func fromPrintable(written string) string {
	out := make([]byte, 0, len(written))
	for _, r := range written {
		b, ok := fromRune[r]
		if !ok {
			return written
		}
		out = append(out, b)
	}
	return string(out)
}
