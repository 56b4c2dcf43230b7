package tokenizer

import (
	"strings"
	"unicode/utf8"

	"longlora/internal/tokenizer/regex"
	"longlora/internal/tokenizer/ucd"
)

// finder finds the next match of a pattern at or after from; start is -1 if there is none. A match
// is never empty.
type finder interface {
	find(text string, from int) (start, end int)
	// fresh returns a finder for one goroutine.
	fresh() finder
}

// literal finds a string.
type literal string

func (l literal) find(text string, from int) (start, end int) {
	i := strings.Index(text[from:], string(l))
	if i < 0 {
		return -1, -1
	}
	return from + i, from + i + len(l)
}

func (l literal) fresh() finder { return l }

// expression finds a regular expression.
type expression struct {
	re      *regex.Regexp
	matcher *regex.Matcher
}

func (e *expression) find(text string, from int) (start, end int) {
	start, end, ok := e.matcher.Find(text, from)
	if !ok {
		return -1, -1
	}
	return start, end
}

func (e *expression) fresh() finder { return &expression{re: e.re, matcher: e.re.Matcher()} }

// oneOf finds single characters of a set.
type oneOf struct{ set *ucd.Bitmap }

func (o oneOf) find(text string, from int) (start, end int) {
	for i := from; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if o.set.Has(r) {
			return i, i + n
		}
		i += n
	}
	return -1, -1
}

func (o oneOf) fresh() finder { return o }

// runs finds runs of characters of one class, whichever but 0.
type runs struct{ classes *ucd.Classes }

func (f runs) find(text string, from int) (start, end int) {
	start = -1
	class := uint8(0)
	for i := from; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		c := f.classes.Of(r)
		switch {
		case start >= 0 && c != class:
			return start, i
		case start < 0 && c != 0:
			start, class = i, c
		}
		i += n
	}
	return start, len(text)
}

func (f runs) fresh() finder { return f }
