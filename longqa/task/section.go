package task

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"longlora/longqa/dice"
	"longlora/longqa/material"
	"longlora/longqa/outline"
	"longlora/longqa/phrase"
	"longlora/longqa/prose"
)

// section asks under which heading or label of a text a sentence stands.
type section struct{}

func (section) Name() string { return "section" }

func (section) Propose(s *Scope, d *dice.Dice) []Candidate {
	if s.Text == nil {
		return nil
	}
	under := map[*material.Piece]*outline.Section{}
	for _, sec := range s.labelled() {
		for _, p := range sec.Pieces {
			under[p] = sec
		}
	}
	if len(under) == 0 || len(s.labelled()) < 2 {
		return nil
	}
	var found []Candidate
	for _, at := range dice.Shuffled(d, s.sentences()) {
		if len(found) == proposals {
			break
		}
		if sec := under[at.Piece]; sec != nil && at.Start >= sec.Head.End && s.once(at) {
			found = append(found, sectionOf(s, d, sec, at))
		}
	}
	return found
}

func sectionOf(s *Scope, d *dice.Dice, sec *outline.Section, at material.Range) Candidate {
	sentence := prose.OneLine(at.Text())
	question := s.Book.Say(d, phrase.Section, s.Book.Quote(sentence))
	if s.Text.Headings == "" && s.Text.Document.Genre == "book" {
		question = "Under which numbered label (of a definition, axiom, proposition, experiment, " +
			"observation or query) of the given text does this sentence stand: " + s.Book.Quote(sentence)
	}
	return Candidate{
		Key: sentence, Source: "derived:section", Question: question,
		Answer:   s.Book.Say(d, phrase.SectionIs, s.Book.Quote(sec.Label)),
		Evidence: []material.Range{sec.Head, at},
		Meta:     s.textMeta("sentence", sentence),
	}
}

// labelled are the sections whose head is in the view and whose label stands there once.
func (s *Scope) labelled() []*outline.Section {
	seen := map[string]int{}
	var all []*outline.Section
	for i := range s.Text.Sections {
		sec := &s.Text.Sections[i]
		if sec.Label != "" && s.View.Has(sec.Head.Piece) &&
			(s.Text.Document.Heading == "" || sec.Label != s.Text.Document.Title) {
			seen[sec.Label]++
			all = append(all, sec)
		}
	}
	out := all[:0]
	for _, sec := range all {
		if seen[sec.Label] == 1 && phrase.Quotable(sec.Label) && headingLike(sec.Label) && !torn(sec) &&
			!isSentence(sec.Label, strings.Contains(s.Text.Headings, outline.Markdown)) &&
			(!s.Text.Layout || numbered(sec.Label, s.Text.Headings)) {
			out = append(out, sec)
		}
	}
	return out
}

// headings asks for the order of a text's headings, by their titles: numbers would give it away.
func (t ordering) headings(s *Scope, d *dice.Dice) []Candidate {
	sections := s.titled()
	var found []Candidate
	for tries := 0; tries < 2*orderProposals && len(sections) >= 2*inOrder &&
		len(found) < orderProposals; tries++ {
		shuffled := dice.Shuffled(d, sections)[:inOrder]
		chosen := map[*outline.Section]bool{}
		var labels, sorted []string
		for _, sec := range shuffled {
			chosen[sec] = true
			labels = append(labels, s.titleOf(sec))
		}
		c := Candidate{Source: "derived:ordering", Meta: s.textMeta("labels", strings.Join(labels, "\n"))}
		for _, sec := range sections {
			if chosen[sec] {
				sorted = append(sorted, s.titleOf(sec))
				c.Evidence = append(c.Evidence, sec.Head)
			}
		}
		if tellsOrder(sorted) {
			continue
		}
		c.Question = s.Book.Say(d, phrase.Headings, s.Book.List(labels))
		c.Answer = s.Book.Sequence(d, sorted)
		c.Key = s.Text.Document.ID + strings.Join(sorted, " ")
		found = append(found, c)
	}
	return found
}

// tellsOrder reports whether titles give their order away: they are sorted by the alphabet, or
// several have a number.
func tellsOrder(titles []string) bool {
	var folded []string
	numbers := 0
	for _, t := range titles {
		folded = append(folded, strings.ToLower(t))
		if strings.ContainsFunc(t, unicode.IsDigit) {
			numbers++
		}
	}
	return slices.IsSorted(folded) || numbers > 1
}

// titled are the labelled sections with titles of which each is at the end of one heading only.
func (s *Scope) titled() []*outline.Section {
	all := s.labelled()
	var out []*outline.Section
	for i, sec := range all {
		if i == 0 && strings.Contains(s.Text.Headings, outline.Markdown) {
			continue // often the document's title
		}
		title, ends := s.titleOf(sec), 0
		if s.Text.Document.Heading != "" && strings.HasSuffix(s.Text.Document.Title, title) {
			continue
		}
		for j := range s.Text.Sections {
			if strings.HasSuffix(s.Text.Sections[j].Label, title) {
				ends++
			}
		}
		if title != "" && ends == 1 && !guessable(title) && headingLike(title) {
			out = append(out, sec)
		}
	}
	return out
}

// headingLike reports whether a label is a heading for certain: captions and lines that a layout
// broke are none.
func headingLike(label string) bool {
	first, _ := utf8.DecodeRuneInString(label)
	word, _, _ := strings.Cut(label, " ")
	switch strings.TrimRight(word, ".:") {
	case "Table", "Figure", "Fig", "Algorithm", "Listing", "Tableau", "Tabelle", "Abbildung", "Tabla",
		"Figura", "Таблиця", "Рисунок":
		return false
	}
	return !unicode.IsLower(first) && prose.Letters(label) > 0 &&
		utf8.RuneCountInString(label) <= maxHeading && !brokenHeading.MatchString(label) &&
		!tornHan.MatchString(afterNumber.ReplaceAllString(label, ""))
}

// numbered reports whether a heading has a number.
func numbered(label, headings string) bool {
	return outline.Title(label, headings) != label || strings.HasPrefix(label, "第")
}

// torn reports whether a layout cut a heading: what follows it goes on in small letters, or a
// bracket is open.
func torn(sec *outline.Section) bool {
	p := sec.Head.Piece
	next, _ := utf8.DecodeRuneInString(strings.TrimSpace(p.Part.Source[sec.Head.End:p.End]))
	return unicode.IsLower(next) || strings.Count(sec.Label, "(") != strings.Count(sec.Label, ")")
}

// maxHeading is the greatest length of a heading, in code points.
const maxHeading = 90

var (
	// brokenHeading has a sentence's end or a comma of Chinese within it, an address, code, a
	// copyright, glued words, or a line's dots; or it ends in a mark or a word that others must
	// follow, in a page's number or in a year.
	brokenHeading = regexp.MustCompile(`(?:\p{Ll}{2}\.|[?!]) \p{Lu}|[，；。]|@|://|\d{5}|[\\{}=<>©]|` +
		`\p{Ll}{2}\p{Lu}\p{Ll}{2}|\bNone\b|(?:\b\p{Lu} ){3}|(?:\. ?){3}|[-:：;,、]$|[\p{L})] (?:\d{1,3}|[ivxl]+)$|, \d{4}$|` +
		`\p{L} [Ww]e$|\p{Ll} (?:of|the|and|to|by|in|for|with|a|an|or|is|are|be|will|has|have|can|from|that|` +
		`which|this|these|its|their|not|full|ou|que|de|da|do|et|du|des|` +
		`la|le|les|y|und|oder|der|die|das|von|zu)$`)
	// tornHan has a space between Chinese letters, which is right only behind a chapter's number.
	tornHan     = regexp.MustCompile(`\p{Han} \p{Han}`)
	afterNumber = regexp.MustCompile(`^第[^ ]{1,8} `)
)

// sentenceWords is the number of words from which a line with a full stop is a sentence; of
// Markdown, whose headings have no full stop, sentenceWordsMarkdown.
const (
	sentenceWords         = 8
	sentenceWordsMarkdown = 3
)

func isSentence(label string, markdown bool) bool {
	least := sentenceWords
	if markdown {
		least = sentenceWordsMarkdown
	}
	return strings.HasSuffix(label, ".") && len(strings.Fields(label)) >= least
}

// guessable reports whether a title's place is known without reading.
func guessable(title string) bool {
	switch strings.ToLower(title) {
	case "abstract", "introduction", "preface", "foreword", "prologue", "conclusion", "conclusions",
		"references", "bibliography", "acknowledgements", "acknowledgments", "appendix", "epilogue", "index",
		"contents", "table of contents", "einleitung", "literatur", "fazit", "vorwort", "résumé",
		"références", "introducción", "referencias", "вступ", "摘要", "引言", "参考文献", "结论":
		return true
	}
	return false
}

// dated has a date, a version or a chapter's number, which tells the order.
var dated = regexp.MustCompile(`[0-9]+\.[0-9]+|[0-9]{4}-[0-9]{2}|^第[^ ]{1,6}[章节節回]`)

// minTitle is the least length of a title, in letters.
const minTitle = 4

// titleOf is a heading without its number; "" if it has no more than that.
func (s *Scope) titleOf(sec *outline.Section) string {
	title := outline.Title(sec.Label, s.Text.Headings)
	if dated.MatchString(title) || prose.Letters(title) < minTitle &&
		!strings.ContainsFunc(title, prose.Wide) {
		return ""
	}
	return title
}
