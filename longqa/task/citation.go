package task

import (
	"strconv"

	"longlora/longqa/dice"
	"longlora/longqa/material"
	"longlora/longqa/phrase"
	"longlora/longqa/prose"
)

// citation asks, of a numbered list of references, for the number of a work or for the work with a
// number.
type citation struct{}

func (citation) Name() string { return "citation" }

func (citation) Propose(s *Scope, d *dice.Dice) []Candidate {
	if s.Text == nil || len(s.stretches) != 1 {
		return nil
	}
	run := s.stretches[0]
	var found []Candidate
	for _, ref := range dice.Shuffled(d, prose.References(run.source)) {
		at, ok := run.at(ref.Entry)
		work := prose.OneLine(ref.Work.Of(run.source))
		if len(found) == proposals || !ok || !ref.Quotable(run.source) || s.times(work) != 1 {
			continue
		}
		c := Candidate{
			Source: "derived:citation", Evidence: []material.Range{at},
			Meta: s.textMeta("reference", strconv.Itoa(ref.Number)),
		}
		if d.Float() < 0.5 {
			c.Key = "number of " + work
			c.Question = s.Book.Say(d, phrase.ReferenceNo, s.Book.Quote(work))
			c.Answer = s.Book.Say(d, phrase.ReferenceIs, ref.Number)
			c.Meta["asked"] = "number"
		} else {
			c.Key = "work " + strconv.Itoa(ref.Number) + " " + s.Text.Document.ID
			c.Question = s.Book.Say(d, phrase.Work, ref.Number)
			c.Answer = s.Book.Say(d, phrase.WorkIs, ref.Number, s.Book.Quote(work))
			c.Meta["asked"] = "work"
		}
		found = append(found, c)
	}
	return found
}
