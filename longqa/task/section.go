package task

import (
	"strings"

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
		if sec.Label != "" && s.View.Has(sec.Head.Piece) {
			seen[sec.Label]++
			all = append(all, sec)
		}
	}
	out := all[:0]
	for _, sec := range all {
		if seen[sec.Label] == 1 && phrase.Quotable(sec.Label) {
			out = append(out, sec)
		}
	}
	return out
}

// headings asks for the order of a text's headings.
func (t ordering) headings(s *Scope, d *dice.Dice) []Candidate {
	sections := s.labelled()
	var found []Candidate
	for len(sections) >= 2*inOrder && len(found) < orderProposals {
		shuffled := dice.Shuffled(d, sections)[:inOrder]
		chosen := map[*outline.Section]bool{}
		var labels, sorted []string
		for _, sec := range shuffled {
			chosen[sec] = true
			labels = append(labels, sec.Label)
		}
		c := Candidate{Source: "derived:ordering", Meta: s.textMeta("labels", strings.Join(labels, "\n"))}
		for _, sec := range sections {
			if chosen[sec] {
				sorted = append(sorted, sec.Label)
				c.Evidence = append(c.Evidence, sec.Head)
			}
		}
		c.Question = s.Book.Say(d, phrase.Headings, s.Book.List(labels))
		c.Answer = s.Book.Sequence(d, sorted)
		c.Key = s.Text.Document.ID + strings.Join(sorted, " ")
		found = append(found, c)
	}
	return found
}
