package prose

import (
	"unicode"
	"unicode/utf8"
)

// Words yields the maximal runs of letters, digits and marks of a text; apostrophes and hyphens end
// them. Each wide letter is a run of its own.
func Words(text string, yield func(Span) bool) {
	start := -1
	for i, r := range text {
		switch {
		case Wide(r):
			if start >= 0 && !yield(Span{start, i}) {
				return
			}
			start = -1
			if !yield(Span{i, i + utf8.RuneLen(r)}) {
				return
			}
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
			if start < 0 {
				start = i
			}
		default:
			if start >= 0 && !yield(Span{start, i}) {
				return
			}
			start = -1
		}
	}
	if start >= 0 {
		yield(Span{start, len(text)})
	}
}

// Letters counts the letters of a text.
func Letters(text string) int {
	n := 0
	for _, r := range text {
		if unicode.IsLetter(r) {
			n++
		}
	}
	return n
}
