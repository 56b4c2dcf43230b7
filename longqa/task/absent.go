package task

import (
	"longlora/longqa/dice"
	"longlora/longqa/material"
	"longlora/longqa/phrase"
	"longlora/longqa/prose"
)

// absentText is a question about a term that the material does not contain.
func (s *Scope) absentText(d *dice.Dice, term, question string, plant []*material.Piece) Candidate {
	return Candidate{
		Key: term + " " + s.View.ID, Source: "derived:unanswerable", Question: question,
		Answer: s.Book.Say(d, phrase.Absent, s.Book.Quote(term)), Plant: plant,
		Meta: s.textMeta("unanswerable", "absent", "term", term),
	}
}

// absentTexts asks about sentences, lines and rows that the view's texts do not have, in the words
// of the other tasks.
func (unanswerable) absentTexts(s *Scope, d *dice.Dice) []Candidate {
	var found []Candidate
	key := phrase.Section
	switch {
	case len(s.Texts) > 1:
		key = phrase.Origin
	case len(s.lines()) >= proposals:
		key = phrase.Speaker
	case s.Text == nil || len(s.labelled()) < 2:
		key = ""
	}
	for _, t := range s.elsewhere(d) {
		if key == "" {
			break
		}
		source := t.Document.Parts[0].Source
		spans := sentencesOf(source, t.Lines)
		if key == phrase.Speaker {
			spans = saidIn(source, t.Lines, s.Book.Language)
		}
		for _, span := range dice.Shuffled(d, spans) {
			if len(found) == proposals/2 {
				break
			}
			sentence := prose.OneLine(span.Of(source))
			if s.times(sentence) == 0 {
				found = append(found,
					s.absentText(d, sentence, s.Book.Say(d, key, s.Book.Quote(sentence)), nil))
			}
		}
	}
	found = append(found, s.absentRows(d)...)
	return append(found, s.absentReference(d)...)
}

// saidIn are the lines that someone says in a text.
func saidIn(source string, lines bool, language string) []prose.Span {
	var spans []prose.Span
	for _, l := range spoken(source, lines, language) {
		if sayable(prose.OneLine(l.said.Of(source))) {
			spans = append(spans, l.said)
		}
	}
	return spans
}

// absentRows asks for rows that no table has.
func (s *Scope) absentRows(d *dice.Dice) []Candidate {
	cells := s.cells()
	if len(cells) == 0 {
		return nil
	}
	var found []Candidate
	for _, row := range s.newNames(d, 2, "x") {
		c := dice.Pick(d, cells)
		found = append(found, s.absentText(d, row,
			s.Book.Say(d, phrase.Cell, s.Book.Quote(row), s.Book.Quote(c.column)), nil))
	}
	return found
}

// absentReference asks for a work beyond the end of a list of references that the view has whole.
func (s *Scope) absentReference(d *dice.Dice) []Candidate {
	if s.Text == nil || len(s.stretches) != 1 {
		return nil
	}
	refs := prose.References(s.stretches[0].source)
	if len(refs) == 0 {
		return nil
	}
	n := len(refs) + 1 + d.Int(9)
	c := s.absentText(d, "", "", nil)
	c.Key, c.Question = "reference "+c.Key, s.Book.Say(d, phrase.Work, n)
	c.Answer = s.Book.Say(d, phrase.AbsentNumber, n)
	c.Meta["unanswerable"], c.Meta["term"] = "reference", ""
	return []Candidate{c}
}
