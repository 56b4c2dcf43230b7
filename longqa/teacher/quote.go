package teacher

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"longlora/schemas"
)

// reader finds quotations in a context. White space and the shapes of quotation marks and dashes do
// not count, since models write them as they like; everything else must be there letter by letter.
type reader struct {
	letters string  // without white space
	chars   []int64 // the context's code point at which each byte of letters begins
	total   int64
}

func newReader(context string) *reader {
	r := &reader{chars: make([]int64, 0, len(context))}
	var b strings.Builder
	b.Grow(len(context))
	for _, c := range context {
		if !unicode.IsSpace(c) {
			n, _ := b.WriteRune(plainRune(c))
			for range n {
				r.chars = append(r.chars, r.total)
			}
		}
		r.total++
	}
	r.letters = b.String()
	return r
}

// plainRune gives marks that are written in several ways one shape.
func plainRune(c rune) rune {
	switch c {
	case '‘', '’', '‚', '‛', '′', '`', '´':
		return '\''
	case '“', '”', '„', '‟', '″', '«', '»':
		return '"'
	case '–', '—', '‒', '―', '−', '‐', '‑':
		return '-'
	}
	return c
}

func letters(text string) string {
	var b strings.Builder
	for _, c := range text {
		if !unicode.IsSpace(c) {
			b.WriteRune(plainRune(c))
		}
	}
	return b.String()
}

// minQuote is the least length of a quotation, in letters: less is found by chance.
const minQuote = 12

// find returns where a quotation stands first, in code points. Marks around the whole quotation may
// be the teacher's own.
func (r *reader) find(quote string) (schemas.Span, bool) {
	want := letters(quote)
	for range 2 {
		if utf8.RuneCountInString(want) < minQuote {
			return schemas.Span{}, false
		}
		if i := strings.Index(r.letters, want); i >= 0 {
			last := r.chars[i+len(want)-1]
			return schemas.Span{Start: r.chars[i], End: last + 1}, true
		}
		want = strings.Trim(want, `"'.…`)
	}
	return schemas.Span{}, false
}

// ordered sorts spans and joins those that overlap.
func ordered(spans []schemas.Span) []schemas.Span {
	slices.SortFunc(spans, func(a, b schemas.Span) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
	})
	var out []schemas.Span
	for _, s := range spans {
		if n := len(out); n > 0 && s.Start < out[n-1].End {
			out[n-1].End = max(out[n-1].End, s.End)
			continue
		}
		out = append(out, s)
	}
	return out
}

// passages shows evidence with what stands around it, for the critic.
func passages(context []rune, spans []schemas.Span) string {
	const around = 400
	var b strings.Builder
	for i, s := range spans {
		from, to := max(s.Start-around, 0), min(s.End+around, int64(len(context)))
		if i > 0 {
			b.WriteString("\n\n[…]\n\n")
			from = max(from, min(spans[i-1].End, s.Start))
		}
		if i+1 < len(spans) {
			to = min(to, spans[i+1].Start)
		}
		b.WriteString(string(context[from:s.Start]) + ">>>" + string(context[s.Start:s.End]) + "<<<" +
			string(context[s.End:to]))
	}
	return b.String()
}

// notWord tells the characters apart that stand between words.
func notWord(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
