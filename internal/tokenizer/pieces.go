package tokenizer

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// PieceOptions describes a SentencePiece-style BPE to train, of the kind of LLaMA-2 and Mistral:
// spaces are marks, the text begins with one, and nothing else is normalized.
type PieceOptions struct {
	// VocabSize is the number of pieces at most: the unknown one, special and user symbols, bytes,
	// characters and merges.
	VocabSize int
	// Special lists control symbols; they get the ids behind the unknown piece's, 0.
	Special []string
	// BOS, one of Special, is put before every sequence that is encoded with specials; empty: none.
	BOS string
	// User lists symbols that are never cut nor joined to anything; they follow the special ones.
	User []string
	// Coverage is the part of the text's characters, the most frequent first, that get pieces of their
	// own, as others only where the part is not yet reached; 0 means 0.9995.
	Coverage float64
	// NoBytes leaves out the 256 pieces that spell characters without a piece: they become unknown.
	NoBytes bool
	// JoinDigits lets pieces hold several digits.
	JoinDigits bool
	// MinFrequency is the least number of times that a pair must occur to be merged; 0 means 2.
	MinFrequency int
}

const (
	unknownPiece    = "<unk>"
	defaultCoverage = 0.9995
	// maxPiece is SentencePiece's default of the longest piece, in characters.
	maxPiece = 16
)

// Validate reports every problem at once.
func (o PieceOptions) Validate() error {
	var errs []error
	seen := map[string]bool{unknownPiece: true, spaceMark: true}
	if !o.NoBytes {
		for b := range 256 {
			seen[fmt.Sprintf("<0x%02X>", b)] = true
		}
	}
	special := map[string]bool{}
	for _, s := range slices.Concat(o.Special, o.User) {
		if s == "" || seen[s] || !utf8.ValidString(s) || strings.ContainsAny(s, " "+spaceMark) {
			errs = append(errs, fmt.Errorf("symbol %q is empty, not UTF-8, has a space, or is there "+
				"already", s))
		}
		seen[s] = true
	}
	for _, s := range o.Special {
		special[s] = true
	}
	if o.BOS != "" && !special[o.BOS] {
		errs = append(errs, fmt.Errorf("BOS %q is not among the special tokens", o.BOS))
	}
	if o.Coverage < 0 || o.Coverage > 1 {
		errs = append(errs, fmt.Errorf("character coverage %g is outside 0 to 1", o.Coverage))
	}
	if least := o.fixed() + 1; o.VocabSize < least {
		errs = append(errs, fmt.Errorf("vocabulary size %d is below %d: unknown, special, user and byte "+
			"pieces and a character", o.VocabSize, least))
	}
	if o.MinFrequency < 0 {
		errs = append(errs, fmt.Errorf("minimum frequency %d is negative", o.MinFrequency))
	}
	return errors.Join(errs...)
}

// fixed is the number of pieces that do not depend on the text.
func (o PieceOptions) fixed() int {
	n := 1 + len(o.Special) + len(o.User)
	if !o.NoBytes {
		n += 256
	}
	return n
}

// Pieces is a trained SentencePiece-style BPE.
type Pieces struct {
	o      PieceOptions
	merged []string // in the order of learning
	chars  []string // the most frequent first
}

// TrainPieces learns pieces from docs, each line of which is a text of its own. As SentencePiece does,
// it merges the most frequent pair, of equally frequent ones the shorter, then the one that is first in
// the order of code points; no piece has more than 16 characters, a space mark behind its first
// character (but for pieces of marks alone), or characters of two scripts. The result depends only on
// the lines, not on their order.
func TrainPieces(docs iter.Seq[string], o PieceOptions) (*Pieces, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("tokenizer: train: %w", err)
	}
	if o.Coverage == 0 {
		o.Coverage = defaultCoverage
	}
	c := newPieceCounter(o)
	for doc := range docs {
		c.add(replaceInvalid(doc))
	}
	p := &Pieces{o: o, chars: c.alphabet(o.Coverage)}
	if len(p.chars) == 0 {
		return nil, errNoText
	}
	room := o.VocabSize - o.fixed() - len(p.chars)
	if room < 0 {
		return nil, fmt.Errorf("tokenizer: train: vocabulary size %d has no room for %d characters beside "+
			"%d other pieces; ask for a larger one or a lower character coverage", o.VocabSize,
			len(p.chars), o.fixed())
	}
	t := &learner{tokens: slices.Clone(p.chars), pieces: true, valid: c.valid}
	t.learn(c.words(p.chars), charSymbols(p.chars), len(p.chars)+room, leastFrequency(o.MinFrequency))
	p.merged = t.tokens[len(p.chars):]
	return p, nil
}

// charSymbols returns what appends the places of a word's characters in an alphabet.
func charSymbols(chars []string) func(ids []int32, word string) []int32 {
	places := map[rune]int32{}
	for i, c := range chars {
		r, _ := utf8.DecodeRuneInString(c)
		places[r] = int32(i)
	}
	return func(ids []int32, word string) []int32 {
		for _, r := range word {
			ids = append(ids, places[r])
		}
		return ids
	}
}

// pieceCounter counts the stretches of text in which pieces can lie.
type pieceCounter struct {
	o       PieceOptions
	symbols *strings.Replacer // puts a line end in the place of each special and user symbol
	counts  map[string]int64
	scripts map[rune]string
	buffer  []byte
}

func newPieceCounter(o PieceOptions) *pieceCounter {
	var pairs []string
	all := slices.Concat([]string{unknownPiece}, o.Special, o.User)
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) }) // the longest wins
	for _, s := range all {
		pairs = append(pairs, s, "\n")
	}
	return &pieceCounter{o: o, symbols: strings.NewReplacer(pairs...), counts: map[string]int64{},
		scripts: map[rune]string{}}
}

// add counts a document.
func (c *pieceCounter) add(doc string) {
	for line := range strings.Lines(doc) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		for i, part := range strings.Split(c.symbols.Replace(line), "\n") {
			c.part(part, i == 0)
		}
	}
}

// part counts the stretches of text between symbols.
func (c *pieceCounter) part(text string, first bool) {
	c.buffer = c.buffer[:0]
	last := rune(-1)
	add := func(r rune) {
		if len(c.buffer) > 0 && !c.join(last, r) {
			c.counts[string(c.buffer)]++
			c.buffer = c.buffer[:0]
		}
		c.buffer, last = utf8.AppendRune(c.buffer, r), r
	}
	if first {
		add('▁')
	}
	for _, r := range text {
		if r == ' ' {
			r = '▁'
		}
		add(r)
	}
	if len(c.buffer) > 0 {
		c.counts[string(c.buffer)]++
	}
}

// join reports whether some piece may hold a before b.
func (c *pieceCounter) join(a, b rune) bool {
	switch {
	case b == '▁':
		return a == '▁'
	case a == 0 || b == 0 || !c.o.JoinDigits && (isDigit(a) || isDigit(b)):
		return false
	case a == '▁':
		return true
	}
	s, t := c.script(a), c.script(b)
	return s == t || s == inherited || t == inherited
}

// valid reports whether a merge may make a token of a stretch of text: not if it is too long, has
// several marks before something else, or characters of two scripts.
func (c *pieceCounter) valid(token string) bool {
	text := strings.TrimLeft(token, spaceMark)
	if utf8.RuneCountInString(token) > maxPiece || text != "" && len(token)-len(text) > len(spaceMark) {
		return false
	}
	before := inherited
	for _, r := range text {
		s := c.script(r)
		switch {
		case s == inherited:
			s = before
		case before != inherited && s != before:
			return false
		}
		before = s
	}
	return true
}

// inherited is the script of marks that go with any script.
const inherited = "Inherited"

func isDigit(r rune) bool { return r >= '0' && r <= '9' || r >= '０' && r <= '９' }

// script returns a character's script, the Japanese ones as Han.
func (c *pieceCounter) script(r rune) string {
	if s, ok := c.scripts[r]; ok {
		return s
	}
	s := ""
	for name, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			s = name
			break
		}
	}
	if s == "Hiragana" || s == "Katakana" || r == 'ー' {
		s = "Han"
	}
	c.scripts[r] = s
	return s
}

// alphabet returns the most frequent characters that make up a part of the text, of equally frequent ones
// the first in the order of code points.
func (c *pieceCounter) alphabet(coverage float64) []string {
	counts, total := map[rune]int64{}, int64(0)
	for text, n := range c.counts {
		for _, r := range text {
			if r != 0 {
				counts[r] += n
				total += n
			}
		}
	}
	sorted := slices.SortedFunc(maps.Keys(counts), func(a, b rune) int {
		if counts[a] != counts[b] {
			return int(max(-1, min(1, counts[b]-counts[a])))
		}
		return int(a - b)
	})
	var chars []string
	covered := int64(0)
	for _, r := range sorted {
		if float64(covered) >= coverage*float64(total) {
			break
		}
		covered += counts[r]
		chars = append(chars, string(r))
	}
	return chars
}

// words returns the counts of stretches of characters that have pieces, and of which a piece can hold a
// part.
func (c *pieceCounter) words(chars []string) map[string]int64 {
	in := map[rune]bool{}
	for _, s := range chars {
		r, _ := utf8.DecodeRuneInString(s)
		in[r] = true
	}
	words := map[string]int64{}
	for text, n := range c.counts {
		for _, w := range strings.FieldsFunc(text, func(r rune) bool { return !in[r] }) {
			words[w] += n
		}
	}
	return words
}
