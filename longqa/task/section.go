package task

import (
	"regexp"
	"strings"

	"longlora/longqa/dice"
	"longlora/longqa/material"
	"longlora/longqa/outline"
)

// section asks under which heading or label of a text a sentence stands.
type section struct{}

func (section) Name() string { return "section" }

func (section) Propose(s *Scope, d *dice.Dice) []Candidate {
	if s.Text == nil {
		return nil
	}
	sections := s.labelled()
	var found []Candidate
	for tries := 0; tries < 8*proposals && len(sections) > 1 && len(found) < proposals; tries++ {
		sec := dice.Pick(d, sections)
		p := dice.Pick(d, sec.Pieces)
		if !s.View.Has(p) {
			continue
		}
		choice := sentences(p)
		if len(choice) == 0 {
			continue
		}
		if at := dice.Pick(d, choice); s.occurrences(at.Text()) == 1 {
			found = append(found, sectionOf(s, d, sec, at))
		}
	}
	return found
}

func sectionOf(s *Scope, d *dice.Dice, sec *outline.Section, at material.Range) Candidate {
	sentence := strings.Join(strings.Fields(at.Text()), " ")
	kind := "heading"
	if s.Text.Document.Genre == "book" {
		kind = "numbered label (of a definition, axiom, proposition, experiment, observation or query)"
	}
	return Candidate{
		Key: sentence, Source: "derived:section",
		Question: "Under which " + kind + " of the given text does this sentence stand: \"" +
			sentence + "\"",
		Answer: dice.Pick(d, []string{
			"It stands under `" + sec.Label + "`.",
			"The sentence stands under `" + sec.Label + "`.",
		}),
		Evidence: []material.Range{sec.Head, at},
		Meta:     map[string]string{"sentence": sentence},
	}
}

// labelled are the sections whose head is in the view and whose label stands there once.
func (s *Scope) labelled() []*outline.Section {
	seen := map[string]int{}
	var all []*outline.Section
	for i := range s.Text.Sections {
		sec := &s.Text.Sections[i]
		if sec.Label != "" && s.View.Has(sec.Head.Piece) {
			seen[sec.Label]++
			all = append(all, sec)
		}
	}
	out := all[:0]
	for _, sec := range all {
		if seen[sec.Label] == 1 && !strings.Contains(sec.Label, "`") {
			out = append(out, sec)
		}
	}
	return out
}

// sentencePattern is a plain sentence within a paragraph, long enough to be told apart.
var sentencePattern = regexp.MustCompile(
	`(?:^|[.?!] +|[.?!]\n)([A-Z][A-Za-z',;: \n-]{60,220}[.?!])(?: |\n|$)`)

// sentences finds the plain sentences of a piece.
func sentences(p *material.Piece) []material.Range {
	var all []material.Range
	text := p.Text()
	for _, m := range sentencePattern.FindAllStringSubmatchIndex(text, -1) {
		paragraph := text[strings.LastIndex(text[:m[2]], "\n\n")+1:]
		if strings.Contains(text[m[2]:m[3]], "\n\n") ||
			strings.HasPrefix(strings.TrimSpace(paragraph), "[") {
			continue // it spans two, or is a footnote
		}
		all = append(all, material.Range{Piece: p, Start: p.Start + m[2], End: p.Start + m[3]})
	}
	return all
}

// occurrences counts a text in the view.
func (s *Scope) occurrences(text string) int {
	n := 0
	for _, k := range s.View.Docs {
		for _, p := range k.Pieces {
			n += strings.Count(p.Text(), text)
		}
	}
	return n
}

// headings asks for the order of a text's headings.
func (t ordering) headings(s *Scope, d *dice.Dice) []Candidate {
	sections := s.labelled()
	var found []Candidate
	for len(sections) >= 2*inOrder && len(found) < orderProposals {
		shuffled := dice.Shuffled(d, sections)[:inOrder]
		chosen := map[*outline.Section]bool{}
		c := Candidate{Source: "derived:ordering", Meta: map[string]string{}}
		var labels, sorted []string
		for _, sec := range shuffled {
			chosen[sec] = true
			labels = append(labels, "`"+sec.Label+"`")
		}
		for _, sec := range sections {
			if chosen[sec] {
				sorted = append(sorted, "`"+sec.Label+"`")
				c.Evidence = append(c.Evidence, sec.Head)
			}
		}
		c.Question = dice.Pick(d, []string{
			"In which order do the headings or labels " + join(labels) + " come in the given text?",
			"Put the headings or labels " + join(labels) +
				" into the order in which the given text has them.",
		})
		c.Answer = inSequence(sorted)
		c.Key = s.Text.Document.ID + strings.Join(sorted, " ")
		c.Meta["labels"] = strings.Join(labels, "\n")
		found = append(found, c)
	}
	return found
}
