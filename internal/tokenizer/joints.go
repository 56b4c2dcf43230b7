package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// joints tells between which neighbouring characters a text may be cut before merging, because no
// merge joins a part that ends with the first to one that begins with the second. It may say that two
// characters are joined that are not, never the other way round.
type joints struct {
	rows   [utf8.RuneSelf][2]uint64 // by the first character, a bit for the second, both ASCII
	pairs  [jointBits / 64]uint64   // of other characters, a bit for several pairs
	parts  [256][4]uint64           // by last and first byte: what joins half characters
	spaces bool                     // a space is a mark
	mark   char                     // as which marks are looked up
	loose  bool                     // only joints before a mark count: all else is joined
	all    bool                     // everything is joined
}

// jointBits is the number of pairs that are told apart. Vocabularies join some 10,000 to 30,000.
const (
	jointLog  = 19
	jointBits = 1 << jointLog
)

// char is a character's UTF-8 encoding as a number, the first byte the highest.
type char uint32

// markChar is spaceMark.
const markChar = char(0xE29681)

// charAt returns the character at s[i] and its length. The text is valid UTF-8.
func charAt(s string, i int) (char, int) {
	switch c := s[i]; {
	case c < utf8.RuneSelf:
		return char(c), 1
	case c < 0xE0:
		return char(c)<<8 | char(s[i+1]), 2
	case c < 0xF0:
		return char(c)<<16 | char(s[i+1])<<8 | char(s[i+2]), 3
	default:
		return char(c)<<24 | char(s[i+1])<<16 | char(s[i+2])<<8 | char(s[i+3]), 4
	}
}

// eachMerge calls f with the tokens that each merge joins.
func (m *bpe) eachMerge(f func(left, right int32)) {
	for _, e := range m.pairs.entries {
		if e != 0 {
			f(int32(e>>(rankBits+idBits)), int32(e>>rankBits&(1<<idBits-1)))
		}
	}
}

// newCharJoints finds the joints of a vocabulary of characters. Where spaces stand for marks, the two
// are one character.
func newCharJoints(m *bpe, spaces bool) *joints {
	j := &joints{spaces: spaces, mark: markChar, loose: !m.cutsAnywhere()}
	if spaces {
		j.mark = ' '
	}
	if _, ok := m.ids[spaceMark]; !ok {
		j.all = true // a mark may be unknown, and unknown characters are one token
	}
	drops := m.unknown < 0 && !m.complete
	m.eachMerge(func(left, right int32) {
		l, r := m.tokens[left], m.tokens[right]
		if l == "" || r == "" {
			return
		}
		_, n := utf8.DecodeLastRuneInString(l)
		a, _ := j.at(l, len(l)-n)
		b, _ := j.at(r, 0)
		j.add(a, b)
		if drops && b == j.mark && a != j.mark {
			j.all = true // the two may meet once what is between them is dropped
		}
	})
	return j
}

// cutsAnywhere reports whether neighbouring characters that no merge joins do not change each other:
// not if bytes take part in merges, an unknown character is told from another behind it, or one that is
// dropped lets its neighbours meet.
func (m *bpe) cutsAnywhere() bool {
	special := func(id int32) bool {
		return id == m.unknown || strings.HasPrefix(m.tokens[id], "<0x")
	}
	cuts := m.complete || !m.byteFallback && m.unknown >= 0 && !m.fuseUnknown
	m.eachMerge(func(left, right int32) {
		cuts = cuts && !special(left) && !special(right)
	})
	return cuts
}

// newByteJoints finds the joints of a byte-level vocabulary between whole characters.
func newByteJoints(m *bpe) *joints {
	j := &joints{mark: markChar}
	m.eachMerge(func(left, right int32) {
		l, ok1 := fromPrintable(m.tokens[left])
		r, ok2 := fromPrintable(m.tokens[right])
		if !ok1 || !ok2 || l == "" || r == "" || !utf8.RuneStart(r[0]) {
			return // within a character
		}
		i := len(l) - 1
		for i > 0 && !utf8.RuneStart(l[i]) {
			i--
		}
		if utf8.ValidString(l[i:]) && utf8.FullRuneInString(r) {
			a, _ := charAt(l, i)
			b, _ := charAt(r, 0)
			j.add(a, b)
			return
		}
		j.parts[l[len(l)-1]][r[0]>>6] |= 1 << (r[0] & 63)
	})
	return j
}

// at returns the character at s[i], as it is looked up, and its length.
func (j *joints) at(s string, i int) (char, int) {
	c, n := charAt(s, i)
	if c == markChar {
		c = j.mark
	}
	return c, n
}

func (j *joints) add(a, b char) {
	if a|b < utf8.RuneSelf {
		j.rows[a][b>>6] |= 1 << (b & 63)
		return
	}
	h := jointHash(a, b)
	j.pairs[h>>6] |= 1 << (h & 63)
}

// jointHash spreads pairs over the bits.
func jointHash(a, b char) uint64 {
	return (uint64(a)<<32 | uint64(b)) * 0x9E3779B97F4A7C15 >> (64 - jointLog)
}

// join reports whether a merge may join a and b of a vocabulary of characters.
func (j *joints) join(a, b char) bool {
	return j.all || j.loose && (b != j.mark || a == j.mark) || j.pair(a, b)
}

// pair reports whether a merge may join two whole characters.
func (j *joints) pair(a, b char) bool {
	if a|b < utf8.RuneSelf {
		return j.rows[a][b>>6]>>(b&63)&1 == 1
	}
	h := jointHash(a, b)
	return j.pairs[h>>6]>>(h&63)&1 == 1
}

// ascii is join for the bytes at the end of an ASCII word and behind it, of whatever character.
func (j *joints) ascii(a, b byte) bool {
	return b >= utf8.RuneSelf || j.join(char(a), char(b))
}

// part reports whether a merge may join half of the characters that end and begin with two bytes.
func (j *joints) part(last, first byte) bool {
	return j.parts[last][first>>6]>>(first&63)&1 == 1
}

// cutWord returns the end of the part of s[i:end] that begins at s[i] and that no merge of a
// byte-level vocabulary joins to the rest.
func (j *joints) cutWord(s string, i, end int) int {
	last, n := charAt(s, i)
	for i += n; i < end; i += n {
		var c char
		c, n = charAt(s, i)
		if !j.pair(last, c) && !j.part(s[i-1], s[i]) {
			break
		}
		last = c
	}
	return i
}
