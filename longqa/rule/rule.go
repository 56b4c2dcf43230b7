// Package rule holds the rules that a summary answer must keep to be an answer and not a name in
// other words, and not a copy of what the context says.
package rule

import (
	"hash/fnv"
	"strings"
	"unicode"
)

const (
	// MinSummaryWords is the least length of a summary answer.
	MinSummaryWords = 20
	// MinNewWords is the least number of different words that are neither parts of the name nor
	// function words.
	MinNewWords = 8
	// GramWords is the length of the word sequences that are looked for in the context.
	GramWords = 8
	// MaxGramsLeft is the part of an answer's grams from which it counts as left in the context.
	MaxGramsLeft = 0.25
)

// The reasons for rejecting a summary answer.
const (
	Short    = "summary-short"
	Restates = "summary-restates-name"
	Leaks    = "summary-left-in-context"
)

// Summary returns the reason to reject an answer about something with a name, "" if there is none.
func Summary(answer, name string) string {
	words := Words(answer)
	if len(words) < MinSummaryWords {
		return Short
	}
	parts := map[string]bool{strings.ToLower(name): true}
	for _, p := range nameParts(name) {
		parts[p] = true
	}
	fresh := map[string]bool{}
	for _, w := range words {
		if !parts[w] && !parts[strings.TrimSuffix(w, "s")] && !functionWord(w) {
			fresh[w] = true
		}
	}
	if len(fresh) < MinNewWords {
		return Restates
	}
	return ""
}

// Words are the runs of letters and digits, in lower case.
func Words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

// nameParts cuts an identifier at changes from lower to upper case, in lower case.
func nameParts(name string) []string {
	var b strings.Builder
	lower := false
	for _, r := range name {
		if unicode.IsUpper(r) && lower {
			b.WriteByte(' ')
		}
		lower = unicode.IsLower(r) || unicode.IsDigit(r)
		b.WriteRune(r)
	}
	return Words(b.String())
}

// functionWord reports whether a word says nothing by itself.
func functionWord(w string) bool {
	switch w {
	case "a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "if", "in", "into", "is",
		"it", "its", "of", "on", "or", "that", "the", "then", "this", "to", "which", "with":
		return true
	}
	return false
}

// Grams counts word sequences by their hash.
type Grams struct{ count map[uint64]int32 }

// GramsOf counts the sequences of GramWords words of a text.
func GramsOf(text string) *Grams {
	g := &Grams{map[uint64]int32{}}
	eachGram(text, func(h uint64) { g.count[h]++ })
	return g
}

func eachGram(text string, f func(uint64)) {
	words := Words(text)
	hashes := make([]uint64, len(words))
	for i, w := range words {
		h := fnv.New64a()
		h.Write([]byte(w)) // a hash never fails
		hashes[i] = h.Sum64()
	}
	for i := 0; i+GramWords <= len(hashes); i++ {
		h := uint64(0)
		for _, w := range hashes[i : i+GramWords] {
			h = h*0x9e3779b97f4a7c15 + w
		}
		f(h)
	}
}

// Left is the part of an answer's sequences that the text has outside of the removed passages.
func (g *Grams) Left(answer string, removed []string) float64 {
	gone := map[uint64]int32{}
	for _, r := range removed {
		eachGram(r, func(h uint64) { gone[h]++ })
	}
	left, all := 0, 0
	eachGram(answer, func(h uint64) {
		all++
		if g.count[h] > gone[h] {
			left++
		}
	})
	if all == 0 {
		return 0
	}
	return float64(left) / float64(all)
}
