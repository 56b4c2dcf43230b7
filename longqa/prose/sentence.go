package prose

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Span is a half-open range of bytes of a text.
type Span struct{ Start, End int }

// Of is the text at the span.
func (s Span) Of(text string) string { return text[s.Start:s.End] }

// The lengths, in code points, of a sentence that is long enough to be told apart and short enough
// to be quoted. Scripts without spaces say more in a character.
const (
	minSentence, maxSentence         = 60, 240
	minSentenceHan, maxSentenceHan   = 16, 120
	minSentenceWords, maxCapitalRun  = 8, 4
	minPlainShare, minPlainShareDeno = 9, 10
)

// Sentences finds the whole, plain sentences of a text: those without quotation marks, brackets or
// markup, that begin as sentences do and end with a mark. Paragraphs are cut at blank lines, or, if
// lines is true, at every line.
func Sentences(text string, lines bool) []Span {
	var all []Span
	for _, p := range Paragraphs(text, lines) {
		start := p.Start
		for start < p.End {
			end := sentenceEnd(text[:p.End], start)
			s := trim(text, Span{start, end})
			if plainSentence(s.Of(text)) {
				all = append(all, s)
			}
			start = end
		}
	}
	return all
}

// Paragraphs cuts a text at blank lines or at every line; blank lines belong to none.
func Paragraphs(text string, lines bool) []Span {
	var all []Span
	start := -1
	for at := 0; at < len(text); {
		end := at + lineLength(text[at:])
		blank := strings.TrimSpace(text[at:end]) == ""
		if start >= 0 && (blank || lines) {
			all, start = append(all, Span{start, at}), -1
		}
		if !blank && start < 0 {
			start = at
		}
		at = end
	}
	if start >= 0 {
		all = append(all, Span{start, len(text)})
	}
	return all
}

// lineLength is that of the first line with its newline.
func lineLength(text string) int {
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		return i + 1
	}
	return len(text)
}

// sentenceEnd returns where the sentence that begins at start ends, with the space after it.
func sentenceEnd(text string, start int) int {
	for i := start; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		before := text[start:i]
		i += size
		if !isStop(r) {
			continue
		}
		single := i == len(text) || text[i] != '.'
		for i < len(text) {
			next, n := utf8.DecodeRuneInString(text[i:])
			if !isStop(next) && !isCloser(next) {
				break
			}
			i += n
		}
		if isWideStop(r) {
			return i
		}
		if r == '.' && single && abbreviation(before) {
			continue
		}
		rest := strings.TrimLeftFunc(text[i:], unicode.IsSpace)
		if rest == "" {
			return len(text)
		}
		next, _ := utf8.DecodeRuneInString(rest)
		if len(rest) < len(text)-i && !unicode.IsLower(next) {
			return len(text) - len(rest)
		}
	}
	return len(text)
}

// Breaks are the places, ends of sentences, at which a text falls into parts of at most so many
// bytes, but for longer sentences. Neither end of the text is among them.
func Breaks(text string, most int) []int {
	var all []int
	for start, at := 0, 0; at < len(text); {
		end := sentenceEnd(text, at)
		if at > start && end-start > most {
			all = append(all, at)
			start = at
		}
		at = end
	}
	return all
}

func isStop(r rune) bool { return r == '.' || r == '!' || r == '?' || r == '…' || isWideStop(r) }

func isWideStop(r rune) bool { return r == '。' || r == '！' || r == '？' }

func isCloser(r rune) bool { return strings.ContainsRune(`"'”’»“)]」』）`, r) }

// lastWord is the run of letters, digits and full stops that a text ends with.
func lastWord(text string) string {
	at := strings.LastIndexFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '.'
	})
	if at < 0 {
		return text
	}
	_, n := utf8.DecodeRuneInString(text[at:])
	return text[at+n:]
}

// abbreviation reports whether what stands before a full stop ends in a word that is often
// shortened, or in an initial or a number.
func abbreviation(before string) bool {
	word := lastWord(before)
	r, n := utf8.DecodeRuneInString(word)
	switch {
	case word == "":
		return false
	case n == len(word), strings.Contains(word, "."), unicode.IsDigit(r), titled(word):
		return true
	}
	switch strings.ToLower(word) {
	case "esq", "etc", "vol", "fig", "figs", "eqs", "sec", "chap", "approx", "resp", "bzw", "usw",
		"vgl", "ibid", "viz", "cit", "jan", "feb", "aug", "sept", "oct", "nov", "dec", "inc", "ltd",
		"dept", "abs", "nro", "див", "стор", "грн":
		return true
	}
	return utf8.RuneCountInString(word) == 2 && word == strings.ToUpper(word[:n])+word[n:] &&
		word[n:] == strings.ToLower(word[n:])
}

// titled reports whether a word is a title before a name, which no sentence ends with.
func titled(word string) bool {
	switch strings.ToLower(word) {
	case "mr", "mrs", "ms", "dr", "messrs", "capt", "col", "gen", "lt", "sgt", "rev", "hon", "prof", "sen",
		"sra", "srta", "mme", "mlle", "hr", "fr", "sr", "st":
		r, _ := utf8.DecodeRuneInString(word)
		return unicode.IsUpper(r)
	}
	return false
}

// initial reports whether a text ends in one letter behind a title or another initial.
func initial(text string) bool {
	word := lastWord(text)
	r, n := utf8.DecodeRuneInString(word)
	rest := strings.TrimSpace(text[:len(text)-len(word)])
	return n == len(word) && unicode.IsUpper(r) && strings.HasSuffix(rest, ".")
}

// several reports whether a text may be more than one sentence: within it, a mark that can end one
// stands before a space and what can begin another. Titles before names end none.
func several(s string) bool {
	for i, r := range s {
		if !isStop(r) || isWideStop(r) {
			continue
		}
		rest := strings.TrimLeftFunc(s[i+utf8.RuneLen(r):],
			func(r rune) bool { return isStop(r) || isCloser(r) })
		after := strings.TrimLeftFunc(rest, unicode.IsSpace)
		next, _ := utf8.DecodeRuneInString(after)
		if after != "" && len(after) < len(rest) && !unicode.IsLower(next) &&
			(r != '.' || !titled(lastWord(s[:i])) && !initial(s[:i])) {
			return true
		}
	}
	return false
}

func trim(text string, s Span) Span {
	t := s.Of(text)
	s.Start += len(t) - len(strings.TrimLeftFunc(t, unicode.IsSpace))
	s.End -= len(t) - len(strings.TrimRightFunc(t, unicode.IsSpace))
	return Span{s.Start, max(s.Start, s.End)}
}

// plainSentence reports whether a sentence can be quoted and recognized.
func plainSentence(s string) bool {
	first, _ := utf8.DecodeRuneInString(s)
	last, _ := utf8.DecodeLastRuneInString(s)
	if !isStop(last) || !unicode.IsUpper(first) && !Wide(first) {
		return false
	}
	n, letters, han, words, inWord := 0, 0, 0, 0, false
	for _, r := range s {
		n++
		switch {
		case strings.ContainsRune("\"“”„«»「」『』`*_#|[]{}<>\\=~^@", r) || unicode.IsControl(r) && r != '\n':
			return false
		case Wide(r):
			han++
			letters++
		case unicode.IsLetter(r) || unicode.IsMark(r):
			letters++
			if !inWord {
				words++
			}
		case r == ' ' || r == '\n' || r == ',':
			letters++
		}
		inWord = unicode.IsLetter(r) || r == '\'' || r == '’' || r == '-'
	}
	if letters*minPlainShareDeno < n*minPlainShare || several(s) || brokenDash.MatchString(s) ||
		caption.MatchString(s) {
		return false
	}
	if han*2 > n {
		return n >= minSentenceHan && n <= maxSentenceHan
	}
	return n >= minSentence && n <= maxSentence && words >= minSentenceWords && !shouts(s)
}

// caption begins the words under a figure or above a table, which float off their place.
var caption = regexp.MustCompile(`^(?:Fig(?:ure)?\.?|Table|Algorithm|Abbildung|Abb\.|Tabelle|Tableau|` +
	`Figura|Tabla|Рис(?:унок|\.)|Таблиця|[图表図])\s*\d`)

// brokenDash is a dash that a layout tore off what followed it.
var brokenDash = regexp.MustCompile(`\pL[–—] `)

// shouts reports a run of words in capitals: a heading in the sentence's line.
func shouts(s string) bool {
	run := 0
	for _, w := range strings.Fields(s) {
		if utf8.RuneCountInString(w) > 1 && w == strings.ToUpper(w) && w != strings.ToLower(w) {
			if run++; run == maxCapitalRun {
				return true
			}
			continue
		}
		run = 0
	}
	return false
}

// Wide reports whether a letter belongs to a script that is written without spaces.
func Wide(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao,
		unicode.Khmer, unicode.Myanmar)
}

// OneLine joins a text's lines by single spaces; between two wide letters by nothing.
func OneLine(text string) string {
	fields := strings.Fields(text)
	var b strings.Builder
	for i, f := range fields {
		if i > 0 {
			last, _ := utf8.DecodeLastRuneInString(fields[i-1])
			first, _ := utf8.DecodeRuneInString(f)
			if !Wide(last) || !Wide(first) {
				b.WriteByte(' ')
			}
		}
		b.WriteString(f)
	}
	return b.String()
}

// LongLines reports whether a text has a paragraph on each line: more than half of it stands in
// lines of over 120 bytes.
func LongLines(text string) bool {
	long := 0
	for at := 0; at < len(text); {
		n := lineLength(text[at:])
		if n > 120 {
			long += n
		}
		at += n
	}
	return 2*long > len(text)
}
