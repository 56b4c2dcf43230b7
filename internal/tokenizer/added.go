package tokenizer

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"longlora/internal/tokenizer/ucd"
)

// addedTokens finds added tokens in text.
type addedTokens struct {
	ids        map[string]int32
	decoded    map[int32]string // what the decoder sees of them
	special    map[string]bool  // by content
	raw        matcher          // tokens matched in the text as given
	normalized matcher          // tokens matched in the normalized text
}

func newAddedTokens(t *Tokenizer, tokens []addedToken) (*addedTokens, error) {
	a := &addedTokens{ids: map[string]int32{}, decoded: map[int32]string{}, special: map[string]bool{}}
	last := map[int32]addedToken{} // of two entries with one id the later holds
	for _, tok := range tokens {
		a.ids[tok.Content] = tok.ID
		last[tok.ID] = tok
		if tok.Special {
			a.special[tok.Content] = true
		}
	}
	for _, tok := range tokens {
		if last[tok.ID] != tok {
			continue
		}
		delete(last, tok.ID)
		m, content := &a.raw, tok.Content
		if tok.Normalized {
			m = &a.normalized
			if !tok.verbatim {
				content = t.normalize(piece{text: tok.Content, first: true}).text
			}
		}
		a.decoded[tok.ID] = content
		if err := m.add(tok, content); err != nil {
			return nil, err
		}
	}
	a.raw.finish()
	a.normalized.finish()
	return a, nil
}

// matcher finds the leftmost of a set of tokens, and the longest of those that begin there. The tokens
// are a trie whose nodes list their children.
type matcher struct {
	nodes  []trieNode
	tokens []addedToken
	first  [256]bool // bytes that a token begins with
	only   int       // the one byte that all tokens begin with; -1: several
	word   *ucd.Bitmap
	space  *ucd.Bitmap
}

// trieNode is a prefix of some tokens.
type trieNode struct {
	char           byte
	child, sibling int32 // 0: none
	token          int32 // in tokens, plus one; 0: none
}

func (m *matcher) add(t addedToken, content string) error {
	if content == "" {
		return fmt.Errorf("added token %q is empty once it is normalized", t.Content)
	}
	if m.nodes == nil {
		m.nodes = []trieNode{{}}
	}
	at := int32(0)
	for i := range len(content) {
		at = m.child(at, content[i], true)
	}
	if other := m.nodes[at].token; other > 0 {
		return fmt.Errorf("added tokens %q and %q are the same once they are normalized",
			m.tokens[other-1].Content, t.Content)
	}
	m.tokens = append(m.tokens, t)
	m.nodes[at].token = int32(len(m.tokens))
	m.first[content[0]] = true
	return nil
}

// child returns the node behind at for a byte, 0 if there is none and none is to be made.
func (m *matcher) child(at int32, c byte, make bool) int32 {
	for n := m.nodes[at].child; n > 0; n = m.nodes[n].sibling {
		if m.nodes[n].char == c {
			return n
		}
	}
	if !make {
		return 0
	}
	m.nodes = append(m.nodes, trieNode{char: c, sibling: m.nodes[at].child})
	m.nodes[at].child = int32(len(m.nodes) - 1)
	return m.nodes[at].child
}

// finish prepares what searching needs.
func (m *matcher) finish() {
	m.only = -1
	count := 0
	for c, in := range m.first {
		if in {
			m.only = c
			count++
		}
	}
	if count > 1 {
		m.only = -1
	}
	if m.any() {
		m.word, m.space = bitmap("regex:word"), bitmap("whitespace")
	}
}

func (m *matcher) any() bool { return len(m.tokens) > 0 }

// plain reports whether all tokens are found as they are, whatever becomes of spaces.
func (m *matcher) plain() bool {
	for _, t := range m.tokens {
		if t.SingleWord || t.LStrip || t.RStrip || strings.ContainsAny(t.Content, " "+spaceMark) {
			return false
		}
	}
	return true
}

// cursor walks over the matches in a text.
type cursor struct {
	searched int // up to where tokens were looked for
	done     int // up to where the text is handed out
}

// next returns the next token and the part of the text that it takes, white space that it strips
// included; nil if there is none. A token that must be a word of its own but is not is passed over.
// A token may begin before done, within what the one before it has stripped.
func (m *matcher) next(text string, c *cursor) (t *addedToken, start, end int) {
	if !m.any() {
		return nil, 0, 0
	}
	for {
		i, j, t := m.search(text, c.searched)
		if t == nil {
			return nil, 0, 0
		}
		c.searched = j
		if t.SingleWord && !m.alone(text, i, j) {
			continue
		}
		if t.LStrip {
			i = max(len(strings.TrimRightFunc(text[:i], m.space.Has)), c.done)
		}
		if t.RStrip {
			j = len(text) - len(strings.TrimLeftFunc(text[j:], m.space.Has))
		}
		return t, i, j
	}
}

// search finds the first token at or after from.
func (m *matcher) search(text string, from int) (start, end int, t *addedToken) {
	for i := from; i < len(text); i++ {
		if i = m.candidate(text, i); i < 0 {
			break
		}
		if length, t := m.prefix(text, i); length > 0 {
			return i, i + length, t
		}
	}
	return 0, 0, nil
}

// prefix returns the longest token that begins at text[i], and its length; 0 if there is none.
func (m *matcher) prefix(text string, i int) (length int, t *addedToken) {
	if !m.first[text[i]] {
		return 0, nil
	}
	for at, j := int32(0), i; j < len(text); j++ {
		if at = m.child(at, text[j], false); at == 0 {
			break
		}
		if n := m.nodes[at].token; n > 0 {
			length, t = j+1-i, &m.tokens[n-1]
		}
	}
	return length, t
}

// candidate finds the first byte at or after i that a token begins with, -1 if there is none.
func (m *matcher) candidate(text string, i int) int {
	if m.only >= 0 {
		k := strings.IndexByte(text[i:], byte(m.only))
		if k < 0 {
			return -1
		}
		return i + k
	}
	for ; i < len(text); i++ {
		if m.first[text[i]] {
			return i
		}
	}
	return -1
}

// alone reports whether text[i:j] has no word character beside it.
func (m *matcher) alone(text string, i, j int) bool {
	before, n := utf8.DecodeLastRuneInString(text[:i])
	if n > 0 && m.word.Has(before) {
		return false
	}
	after, n := utf8.DecodeRuneInString(text[j:])
	return n == 0 || !m.word.Has(after)
}
