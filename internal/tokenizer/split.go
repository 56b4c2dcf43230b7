package tokenizer

import (
	"fmt"
	"math"
	"unicode"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
	sugarme "github.com/sugarme/tokenizer"
)

// splitter cuts normalized text into words.
type splitter struct {
	kind      splitKind
	maxDigits int  // of one number, for the LLaMA-3 family
	digits    bool // every digit is a word of its own, before anything else
	pattern   *regexp2.Regexp
	addSpace  bool // a space goes before a text that begins with none
	trim      bool // offsets leave out white space at a token's ends
}

type splitKind uint8

const (
	splitNone   splitKind = iota // the whole text is one word
	splitSpaces                  // before each run of space marks
	splitMarks                   // before each space mark
	splitGPT2                    // the pattern of GPT-2
	splitLlama3                  // the pattern of LLaMA-3 (numbers of 3 digits) and Qwen2 (of 1)
	splitRegexp                  // any other pattern, by a backtracking engine
)

// The patterns that have a scanner of their own.
const (
	patternGPT2 = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

	patternLlama3 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|` +
		` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`

	patternQwen2 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|` +
		` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// prependScheme says where a Metaspace pre-tokenizer puts a space mark before the text.
type prependScheme uint8

const (
	prependNever prependScheme = iota
	prependFirst               // before the first piece of the input only
	prependAlways
)

func (s *spec) readPreTokenizer(c *sugarme.Config) error {
	root, ok, err := readStage("pre_tokenizer", c.PreTokenizer)
	if err != nil {
		return err
	}
	if !ok {
		if !s.byteLevel {
			s.split.kind = splitSpaces
		}
		return nil
	}
	for _, p := range root.flatten() {
		if err := s.readPreTokenizerStage(p); err != nil {
			return fmt.Errorf("pre_tokenizer: %w", err)
		}
	}
	return nil
}

func (s *spec) readPreTokenizerStage(p stage) error {
	switch p.Type {
	case "ByteLevel":
		s.byteLevel = true
		s.split.trim = isTrue(p.TrimOffsets, true)
		s.split.addSpace = isTrue(p.AddPrefixSpace, true)
		if isTrue(p.UseRegex, true) {
			return s.setSplit(splitter{kind: splitGPT2})
		}
		return nil
	case "Metaspace":
		return s.readMetaspace(p)
	case "Digits":
		if s.split.digits = p.Individual; !p.Individual {
			return fmt.Errorf("Digits without individual_digits is not supported")
		}
		return nil
	case "Split":
		return s.readSplit(p)
	}
	return fmt.Errorf("type %q is not supported", p.Type)
}

func (s *spec) setSplit(to splitter) error {
	if s.split.kind != splitNone {
		return fmt.Errorf("two patterns in a row are not supported")
	}
	s.split.kind, s.split.maxDigits, s.split.pattern = to.kind, to.maxDigits, to.pattern
	return nil
}

func (s *spec) readMetaspace(p stage) error {
	if p.Replacement != spaceMark {
		return fmt.Errorf("Metaspace replacement %q is not supported, only %q", p.Replacement, spaceMark)
	}
	s.normalizers = append(s.normalizers, normalizer{kind: normalizeReplace, from: " ", to: spaceMark})
	switch {
	case p.PrependScheme == "always", p.PrependScheme == "" && isTrue(p.AddPrefixSpace, true):
		s.prepend = prependAlways
	case p.PrependScheme == "first":
		s.prepend = prependFirst
	}
	if isTrue(p.SplitWords, true) {
		return s.setSplit(splitter{kind: splitMarks})
	}
	return s.setSplit(splitter{kind: splitSpaces})
}

func (s *spec) readSplit(p stage) error {
	if p.Pattern == nil || p.Invert {
		return fmt.Errorf("an inverted Split or one without a pattern is not supported")
	}
	if p.Pattern.String != nil {
		// Gemma cuts at spaces that its normalizer has already replaced: nothing to cut.
		if *p.Pattern.String == " " && s.normalizers.replaces(" ") {
			return s.setSplit(splitter{kind: splitSpaces})
		}
		return fmt.Errorf("Split at the string %q is not supported", *p.Pattern.String)
	}
	if p.Pattern.Regex == nil || p.Behavior != "Isolated" {
		return fmt.Errorf("Split with behavior %q is not supported", p.Behavior)
	}
	switch pattern := *p.Pattern.Regex; pattern {
	case patternGPT2:
		return s.setSplit(splitter{kind: splitGPT2})
	case patternLlama3:
		return s.setSplit(splitter{kind: splitLlama3, maxDigits: 3})
	case patternQwen2:
		return s.setSplit(splitter{kind: splitLlama3, maxDigits: 1})
	default:
		re, err := regexp2.Compile(pattern, regexp2.None)
		if err != nil {
			return fmt.Errorf("pattern %q: %w", pattern, err)
		}
		return s.setSplit(splitter{kind: splitRegexp, pattern: re})
	}
}

func (ns normalizers) replaces(from string) bool {
	for _, n := range ns {
		if n.kind == normalizeReplace && n.from == from {
			return true
		}
	}
	return false
}

// words calls f with the bounds of each word of s, in order.
func (p *splitter) words(s string, f func(from, to int)) {
	if p.digits {
		p.digitWords(s, f)
		return
	}
	p.cut(s, 0, f)
}

// digitWords makes every digit a word and cuts what lies between.
func (p *splitter) digitWords(s string, f func(from, to int)) {
	start := 0
	for i, r := range s {
		if !unicode.IsNumber(r) {
			continue
		}
		p.cut(s[start:i], start, f)
		f(i, i+utf8.RuneLen(r))
		start = i + utf8.RuneLen(r)
	}
	p.cut(s[start:], start, f)
}

// cut calls f with the bounds of the words of s, which begins base bytes into the text.
func (p *splitter) cut(s string, base int, f func(from, to int)) {
	if p.kind == splitRegexp {
		p.cutRegexp(s, base, f)
		return
	}
	for i := 0; i < len(s); {
		j := len(s)
		switch p.kind {
		case splitSpaces:
			j = nextSpaces(s, i)
		case splitMarks:
			j = nextMark(s, i)
		case splitGPT2:
			j = nextGPT2(s, i)
		case splitLlama3:
			j = nextLlama3(s, i, p.maxDigits)
		}
		f(base+i, base+j)
		i = j
	}
}

// cutRegexp isolates the matches: what lies between them are words too.
func (p *splitter) cutRegexp(s string, base int, f func(from, to int)) {
	runes := []rune(s)
	at, done := 0, 0 // bytes and runes handed out
	emit := func(until int) {
		n := 0
		for ; done < until; done++ {
			n += utf8.RuneLen(runes[done])
		}
		if n > 0 {
			f(base+at, base+at+n)
			at += n
		}
	}
	m, _ := p.pattern.FindRunesMatch(runes) // errs only on a timeout, and none is set
	for m != nil {
		emit(m.Index)
		emit(m.Index + m.Length)
		m, _ = p.pattern.FindNextMatch(m)
	}
	emit(len(runes))
}

// class of a character, as the patterns tell them apart. Line ends come last and, with the other
// white space, satisfy isSpace.
type class uint8

const (
	other class = iota
	letter
	number
	space
	lineEnd
)

func (c class) isSpace() bool { return c >= space }

func classOf(r rune) class {
	switch {
	case unicode.IsLetter(r):
		return letter
	case unicode.IsNumber(r):
		return number
	case r == '\r' || r == '\n':
		return lineEnd
	case unicode.IsSpace(r):
		return space
	}
	return other
}

// asciiClass is classOf for the first 128 characters.
var asciiClass = func() (t [utf8.RuneSelf]class) {
	for r := range rune(utf8.RuneSelf) {
		t[r] = classOf(r)
	}
	return t
}()

// at returns the class and the length of the character at s[i].
func at(s string, i int) (class, int) {
	if c := s[i]; c < utf8.RuneSelf {
		return asciiClass[c], 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	return classOf(r), n
}

// runOf returns the end of the run of class c that begins at or before j.
func runOf(s string, j int, c class) int {
	for j < len(s) {
		next, n := at(s, j)
		if next != c {
			break
		}
		j += n
	}
	return j
}

// contraction returns the length of an English contraction at the apostrophe s[i], 0 if there is
// none. With fold, case is ignored as Unicode does: U+017F counts as an s.
func contraction(s string, i int, fold bool) int {
	lower := func(k int) byte {
		if k >= len(s) {
			return 0
		}
		if c := s[k]; fold && c >= 'A' && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return s[k]
	}
	switch a, b := lower(i+1), lower(i+2); {
	case a == 's', a == 't', a == 'm', a == 'd':
		return 2
	case (a == 'r' || a == 'v') && b == 'e', a == 'l' && b == 'l':
		return 3
	case fold && a == 0xC5 && b == 0xBF:
		return 3
	}
	return 0
}

func nextGPT2(s string, i int) int {
	if s[i] == '\'' {
		if n := contraction(s, i, false); n > 0 {
			return i + n
		}
	}
	c, n := at(s, i)
	j := i
	if s[i] == ' ' && i+1 < len(s) {
		if c2, n2 := at(s, i+1); !c2.isSpace() {
			c, n, j = c2, n2, i+1
		}
	}
	if !c.isSpace() {
		return runOf(s, j+n, c)
	}
	return spaceRun(s, i)
}

// spaceRun is \s+(?!\S)|\s+: a run of white space leaves its last character to the word behind it.
func spaceRun(s string, i int) int {
	j, last := i, i
	for j < len(s) {
		c, n := at(s, j)
		if !c.isSpace() {
			if last > i {
				return last
			}
			return j
		}
		last = j
		j += n
	}
	return j
}

func nextLlama3(s string, i, maxDigits int) int {
	if s[i] == '\'' {
		if n := contraction(s, i, true); n > 0 {
			return i + n
		}
	}
	c, n := at(s, i)
	switch {
	case c == letter:
		return runOf(s, i+n, letter)
	case c == number:
		j := i + n
		for k := 1; k < maxDigits && j < len(s); k++ {
			c, n := at(s, j)
			if c != number {
				break
			}
			j += n
		}
		return j
	case c != lineEnd && i+n < len(s):
		if c2, n2 := at(s, i+n); c2 == letter {
			return runOf(s, i+n+n2, letter)
		}
	}
	if j, ok := symbols(s, i); ok {
		return j
	}
	return spacesToLineEnd(s, i)
}

// symbols is ` ?[^\s\p{L}\p{N}]+[\r\n]*`.
func symbols(s string, i int) (int, bool) {
	j := i
	if s[i] == ' ' {
		j++
	}
	if j == len(s) {
		return 0, false
	}
	c, n := at(s, j)
	if c != other {
		return 0, false
	}
	j = runOf(s, j+n, other)
	for j < len(s) && (s[j] == '\r' || s[j] == '\n') {
		j++
	}
	return j, true
}

// spacesToLineEnd is `\s*[\r\n]+|\s+(?!\S)|\s+`.
func spacesToLineEnd(s string, i int) int {
	j, last, line := i, i, -1
	for j < len(s) {
		c, n := at(s, j)
		if !c.isSpace() {
			break
		}
		last = j
		j += n
		if c == lineEnd {
			line = j
		}
	}
	switch {
	case line >= 0:
		return line
	case j < len(s) && last > i:
		return last
	}
	return j
}

// isMark reports whether a space mark begins at s[i].
func isMark(s string, i int) bool {
	return s[i] == spaceMark[0] && i+2 < len(s) && s[i+1] == spaceMark[1] && s[i+2] == spaceMark[2]
}

// nextSpaces is a run of space marks and what follows up to the next one.
func nextSpaces(s string, i int) int {
	for i < len(s) && isMark(s, i) {
		i += len(spaceMark)
	}
	for i < len(s) && !isMark(s, i) {
		i++
	}
	return i
}

// nextMark is at most one space mark and what follows up to the next one.
func nextMark(s string, i int) int {
	if isMark(s, i) {
		i += len(spaceMark)
	}
	for i < len(s) && !isMark(s, i) {
		i++
	}
	return i
}

// noRank is greater than any merge's rank.
const noRank = math.MaxUint32
