package task

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"longlora/longqa/dice"
	"longlora/longqa/material"
	"longlora/longqa/phrase"
	"longlora/longqa/prose"
)

// wordCount asks how often a word occurs in a text, and which of several occurs most often.
type wordCount struct{}

func (wordCount) Name() string { return "words" }

const (
	minTimes, maxTimes = 3, 12 // of a word that is counted
	maxTimesMost       = 24    // of the most frequent of several
	wordsCompared      = 3
	minWord            = 4 // letters
)

func (t wordCount) Propose(s *Scope, d *dice.Dice) []Candidate {
	if len(s.Texts) == 0 {
		return nil
	}
	places := s.words()
	var rare, some []string
	for word, at := range places {
		switch n := len(at); {
		case n < minTimes || n > maxTimesMost:
		case n <= maxTimes:
			rare = append(rare, word)
			some = append(some, word)
		default:
			some = append(some, word)
		}
	}
	slices.Sort(rare)
	slices.Sort(some)
	first, second := t.counts, t.comparisons
	if d.Float() < 0.5 { // one kind a view: else what is easiest to place would always win
		first, second = second, first
		rare, some = some, rare
	}
	if found := first(s, d, rare, places); len(found) > 0 {
		return found
	}
	return second(s, d, some, places)
}

func (wordCount) counts(s *Scope, d *dice.Dice, words []string,
	places map[string][]material.Range) []Candidate {
	var found []Candidate
	for _, w := range dice.Shuffled(d, words) {
		if len(found) == proposals/2 {
			break
		}
		found = append(found, Candidate{
			Key: s.View.ID + " " + w, Source: "derived:words", Evidence: places[w],
			Question: s.Book.Say(d, phrase.WordCount, s.Book.Quote(w)),
			Answer:   s.Book.Say(d, phrase.WordTimes, s.Book.Quote(w), len(places[w])),
			Meta:     s.textMeta("words", w),
		})
	}
	return found
}

func (t wordCount) comparisons(s *Scope, d *dice.Dice, words []string,
	places map[string][]material.Range) []Candidate {
	var found []Candidate
	for tries := 0; tries < 8*proposals && len(words) >= 2*wordsCompared &&
		len(found) < proposals/2; tries++ {
		if c, ok := t.most(s, d, dice.Shuffled(d, words)[:wordsCompared], places); ok {
			found = append(found, c)
		}
	}
	return found
}

// most compares some words, of which one must be clearly the most frequent.
func (wordCount) most(s *Scope, d *dice.Dice, of []string,
	places map[string][]material.Range) (Candidate, bool) {
	sorted := slices.Clone(of)
	slices.SortFunc(sorted, func(a, b string) int { return len(places[b]) - len(places[a]) })
	best, n := sorted[0], len(places[sorted[0]])
	if second := len(places[sorted[1]]); 2*n < 3*second || n < second+2 {
		return Candidate{}, false
	}
	c := Candidate{
		Key: s.View.ID + " " + strings.Join(sorted, " "), Source: "derived:words",
		Question: s.Book.Say(d, phrase.WordMost, s.Book.List(of)),
		Answer:   s.Book.Say(d, phrase.WordWins, s.Book.Quote(best), n),
		Meta:     s.textMeta("words", strings.Join(of, "\n")),
	}
	for _, w := range sorted {
		c.Evidence = append(c.Evidence, places[w]...)
	}
	return c, true
}

// words finds the places of every word that is told apart for certain: it is written in one way
// only, and no apostrophe, hyphen or digit touches it. Of Chinese, pairs of letters count as words
// if either is mostly met in the pair.
func (s *Scope) words() map[string][]material.Range {
	places := map[string][]material.Range{}
	spelling := map[string]string{}
	unsure := map[string]bool{}
	letters := map[string]int{}     // wide ones
	for _, k := range s.View.Docs { // what the heading says would have to be counted too
		prose.Words(k.Document.Heading, func(w prose.Span) bool {
			unsure[w.Of(k.Document.Heading)] = true
			return true
		})
	}
	last, lastEnd := "", -1
	for _, run := range s.stretches {
		prose.Words(run.source, func(w prose.Span) bool {
			word := w.Of(run.source)
			r, _ := utf8.DecodeRuneInString(word)
			if prose.Wide(r) {
				letters[word]++
				if lastEnd == w.Start && last != word {
					if at, ok := run.at(prose.Span{Start: w.Start - len(last), End: w.End}); ok {
						places[last+word] = append(places[last+word], at)
					} else {
						unsure[last+word] = true
					}
				} else if lastEnd == w.Start {
					unsure[last+word] = true
				}
				last, lastEnd = word, w.End
				return true
			}
			folded := strings.ToLower(word)
			if before, ok := spelling[folded]; ok && before != word {
				unsure[before], unsure[word] = true, true
			}
			spelling[folded] = word
			at, ok := run.at(w)
			if !ok || touched(run.source, w) || !allLetters(word) ||
				utf8.RuneCountInString(word) < minWord {
				unsure[word] = true
				return true
			}
			places[word] = append(places[word], at)
			return true
		})
		last, lastEnd = "", -1
	}
	for w := range places {
		r, n := utf8.DecodeRuneInString(w)
		if unsure[w] || prose.Wide(r) && (unsure[w[:n]] || unsure[w[n:]] ||
			!coheres(len(places[w]), letters[w[:n]], letters[w[n:]]) || !han(w)) {
			delete(places, w)
		}
	}
	return places
}

// coheres reports whether two wide letters that stand beside each other so often are a word: most
// of the occurrences of either are in it.
func coheres(pair, first, second int) bool { return 2*pair > max(first, second) }

// han reports whether all letters are Chinese.
func han(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return !unicode.Is(unicode.Han, r) }) < 0
}

// touched reports whether a mark that could belong to the word stands beside it.
func touched(text string, w prose.Span) bool {
	const marks = "'’‘-‐‑\u00ad_@/\\·"
	before, n := utf8.DecodeLastRuneInString(text[:w.Start])
	after, m := utf8.DecodeRuneInString(text[w.End:])
	return n > 0 && strings.ContainsRune(marks, before) || m > 0 && strings.ContainsRune(marks, after)
}

func allLetters(word string) bool {
	return strings.IndexFunc(word, func(r rune) bool { return !unicode.IsLetter(r) }) < 0
}
