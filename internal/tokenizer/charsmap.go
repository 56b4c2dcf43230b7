package tokenizer

import (
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf8"
)

// charsMap is a SentencePiece normalization table: strings and what they become. It is a double-array
// trie (Susumu Yata's darts-clone) and the replacements, each ended by a zero byte.
type charsMap struct {
	trie         []uint32
	replacements string
}

// readCharsMap reads precompiled_charsmap: the trie's length in bytes, the trie and the replacements.
func readCharsMap(data []byte) (*charsMap, error) {
	damaged := errors.New("damaged SentencePiece model: the normalizer's character map is cut short")
	if len(data) < 4 {
		return nil, damaged
	}
	size := int(binary.LittleEndian.Uint32(data))
	data = data[4:]
	if size < 4 || size%4 != 0 || size > len(data) {
		return nil, damaged
	}
	m := &charsMap{trie: make([]uint32, size/4), replacements: string(data[size:])}
	for i := range m.trie {
		m.trie[i] = binary.LittleEndian.Uint32(data[4*i:])
	}
	return m, nil
}

// prefix returns the longest prefix of text that the map replaces, and its replacement; ok is false if
// there is none.
func (m *charsMap) prefix(text string) (n int, replacement string, ok bool) {
	const (
		leafBit   = 1 << 8
		labelMask = 1<<31 | 0xFF
		valueMask = 1<<31 - 1
	)
	at, value := trieOffset(m.trie[0]), uint32(0)
	for i := range len(text) {
		if at ^= uint32(text[i]); at >= uint32(len(m.trie)) {
			break
		}
		unit := m.trie[at]
		if unit&labelMask != uint32(text[i]) {
			break
		}
		if at ^= trieOffset(unit); unit&leafBit != 0 && at < uint32(len(m.trie)) {
			n, value = i+1, m.trie[at]&valueMask
		}
	}
	if n == 0 || value >= uint32(len(m.replacements)) {
		return 0, "", false
	}
	replacement, _, _ = strings.Cut(m.replacements[value:], "\x00")
	return n, replacement, true
}

// trieOffset decodes where a unit's children are.
func trieOffset(unit uint32) uint32 { return unit >> 10 << (unit & (1 << 9) >> 6) }

// sentenceNormalizer is SentencePiece's normalizer (normalizer.cc of google/sentencepiece).
type sentenceNormalizer struct {
	chars    *charsMap // nil: none
	verbatim matcher   // user-defined symbols, which are left as they are
	squeeze  bool      // spaces at the ends are dropped, and of several only one is left
	prefix   bool      // a mark goes before the text
}

// prefixOf returns the length of what is normalized as one at text[i], and what it becomes.
func (n *sentenceNormalizer) prefixOf(text string, i int) (length int, to string) {
	if length, _ := n.verbatim.prefix(text, i); length > 0 {
		return length, text[i : i+length]
	}
	if n.chars != nil {
		if length, to, ok := n.chars.prefix(text[i:]); ok {
			return length, to
		}
	}
	_, length = utf8.DecodeRuneInString(text[i:])
	return length, text[i : i+length]
}

func (n *sentenceNormalizer) apply(p piece) piece {
	i := 0
	for n.squeeze && i < len(p.text) {
		length, to := n.prefixOf(p.text, i)
		if to != " " {
			break
		}
		i += length
	}
	if i == len(p.text) {
		return piece{}
	}
	e := newEdit(p)
	e.skip(i)
	if n.prefix {
		length, _ := n.prefixOf(p.text, i)
		e.put(spaceMark, i, i+length)
	}
	for afterSpace := n.squeeze; i < len(p.text); {
		length, to := n.prefixOf(p.text, i)
		if afterSpace {
			to = strings.TrimLeft(to, " ")
		}
		if to != "" {
			e.put(strings.ReplaceAll(to, " ", spaceMark), i, i+length)
			afterSpace = n.squeeze && to[len(to)-1] == ' '
		}
		i += length
		e.skip(i)
	}
	out := e.finish()
	if n.squeeze {
		out = out.slice(0, len(out.text)-trailing(out.text, spaceMark, len(out.text)))
	}
	return out
}
