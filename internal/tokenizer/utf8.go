package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// replaceInvalid returns text as Python's bytes.decode("utf-8", errors="replace") reads it: each
// maximal part of an ill-formed sequence becomes one U+FFFD (Unicode 16.0, section 3.9, "U+FFFD
// Substitution of Maximal Subparts").
func replaceInvalid(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text) + 8)
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if r != utf8.RuneError || n > 1 {
			b.WriteString(text[i : i+n])
			i += n
			continue
		}
		b.WriteRune(utf8.RuneError)
		i += maximalSubpart(text[i:])
	}
	return b.String()
}

// replacedOffsets returns, for each byte of replaceInvalid(text) and its end, the place in text that it
// came from. Only the places where characters begin are meant to be asked for.
func replacedOffsets(text string) []int {
	var places []int
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		width := n
		if r == utf8.RuneError && n == 1 {
			width, n = utf8.RuneLen(utf8.RuneError), maximalSubpart(text[i:])
		}
		for range width {
			places = append(places, i)
		}
		i += n
	}
	return append(places, len(text))
}

// maximalSubpart returns the length of the longest prefix of an ill-formed sequence that begins a
// well-formed one, at least 1.
func maximalSubpart(s string) int {
	low, high, more := byte(0x80), byte(0xBF), 0
	switch c := s[0]; {
	case c >= 0xC2 && c <= 0xDF:
		more = 1
	case c >= 0xE0 && c <= 0xEF:
		more = 2
		if c == 0xE0 {
			low = 0xA0
		} else if c == 0xED {
			high = 0x9F
		}
	case c >= 0xF0 && c <= 0xF4:
		more = 3
		if c == 0xF0 {
			low = 0x90
		} else if c == 0xF4 {
			high = 0x8F
		}
	}
	n := 1
	for n <= more && n < len(s) && s[n] >= low && s[n] <= high {
		low, high = 0x80, 0xBF
		n++
	}
	return n
}
