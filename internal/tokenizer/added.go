package tokenizer

import (
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// addedTokens finds added tokens in text: leftmost, and the longest of those that begin there.
type addedTokens struct {
	ids        map[string]int32
	special    map[int32]bool
	raw        matcher // tokens matched in the text as given
	normalized matcher // tokens matched in the normalized text
}

// matcher lists tokens by their first byte, the longest first.
type matcher struct {
	byFirst [256][]addedToken
	any     bool
}

func newAddedTokens(tokens []addedToken, n normalizers) (*addedTokens, error) {
	a := &addedTokens{ids: map[string]int32{}, special: map[int32]bool{}}
	for _, t := range tokens {
		a.ids[t.Content] = t.ID
		if t.Special {
			a.special[t.ID] = true
		}
		if !t.Normalized {
			a.raw.add(t, t.Content)
		} else {
			a.normalized.add(t, n.apply(t.Content))
		}
	}
	a.raw.sort()
	a.normalized.sort()
	return a, nil
}

func (m *matcher) add(t addedToken, content string) {
	if content == "" {
		return
	}
	t.Content = content
	m.byFirst[content[0]] = append(m.byFirst[content[0]], t)
	m.any = true
}

func (m *matcher) sort() {
	for _, list := range m.byFirst {
		sort.SliceStable(list, func(i, j int) bool {
			return len(list[i].Content) > len(list[j].Content)
		})
	}
}

// next finds the first match at or after from. [start, end) is what it takes out of the text, with
// the white space that the token strips; a token that must be a word of its own but is not is
// skipped.
func (m *matcher) next(text string, from int) (t *addedToken, start, end int) {
	if !m.any {
		return nil, 0, 0
	}
	for i := from; i < len(text); i++ {
		list := m.byFirst[text[i]]
		for k := range list {
			c := &list[k]
			if !strings.HasPrefix(text[i:], c.Content) {
				continue
			}
			stop := i + len(c.Content)
			if c.SingleWord && !aloneIn(text, i, stop) {
				i = stop - 1 // the reference drops the match and goes on behind it
				break
			}
			return c, c.stripLeft(text, from, i), c.stripRight(text, stop)
		}
	}
	return nil, 0, 0
}

func (t *addedToken) stripLeft(text string, from, i int) int {
	for t.LStrip && i > from {
		r, n := utf8.DecodeLastRuneInString(text[from:i])
		if !unicode.IsSpace(r) {
			break
		}
		i -= n
	}
	return i
}

func (t *addedToken) stripRight(text string, i int) int {
	for t.RStrip && i < len(text) {
		r, n := utf8.DecodeRuneInString(text[i:])
		if !unicode.IsSpace(r) {
			break
		}
		i += n
	}
	return i
}

// aloneIn reports whether text[i:j] has no word character beside it.
func aloneIn(text string, i, j int) bool {
	before, n := utf8.DecodeLastRuneInString(text[:i])
	if n > 0 && isWordRune(before) {
		return false
	}
	after, n := utf8.DecodeRuneInString(text[j:])
	return n == 0 || !isWordRune(after)
}

func isWordRune(r rune) bool {
	return r == '_' || unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc) ||
		unicode.Is(unicode.Other_Alphabetic, r)
}
