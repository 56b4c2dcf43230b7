package task

import (
	"strconv"

	"longlora/longqa/dice"
	"longlora/longqa/material"
	"longlora/longqa/phrase"
	"longlora/longqa/prose"
)

// citation asks, of a numbered list of references, for the number of a work, for the work with a
// number, or for the work that a sentence cites.
type citation struct{}

func (citation) Name() string { return "citation" }

func (t citation) Propose(s *Scope, d *dice.Dice) []Candidate {
	if s.Text == nil || len(s.stretches) != 1 {
		return nil
	}
	works := s.works()
	found := t.citing(s, d, works)
	for _, w := range dice.Shuffled(d, works) {
		if len(found) >= proposals {
			break
		}
		found = append(found, t.listed(s, d, w))
	}
	return found
}

// work is an entry of the view's list of references.
type work struct {
	number int
	entry  material.Range
	text   string
}

// works are the entries that can be asked about.
func (s *Scope) works() []work {
	run := s.stretches[0]
	var all []work
	for _, ref := range prose.References(run.source) {
		at, ok := run.at(ref.Entry)
		text := prose.OneLine(ref.Work.Of(run.source))
		if ok && ref.Quotable(run.source) && s.times(text) == 1 {
			all = append(all, work{ref.Number, at, text})
		}
	}
	return all
}

// listed asks for the number of a work, or the other way round.
func (citation) listed(s *Scope, d *dice.Dice, w work) Candidate {
	c := Candidate{
		Source: "derived:citation", Evidence: []material.Range{w.entry},
		Meta: s.textMeta("reference", strconv.Itoa(w.number)),
	}
	if d.Float() < 0.5 {
		c.Key = "number of " + w.text
		c.Question = s.Book.Say(d, phrase.ReferenceNo, s.Book.Quote(w.text))
		c.Answer = s.Book.Say(d, phrase.ReferenceIs, w.number)
		c.Meta["asked"] = "number"
		return c
	}
	c.Key = "work " + strconv.Itoa(w.number) + " " + s.Text.Document.ID
	c.Question = s.Book.Say(d, phrase.Work, w.number)
	c.Answer = s.Book.Say(d, phrase.WorkIs, w.number, s.Book.Quote(w.text))
	c.Meta["asked"] = "work"
	return c
}

// citing asks which work a sentence cites.
func (citation) citing(s *Scope, d *dice.Dice, works []work) []Candidate {
	run := s.stretches[0]
	numbered := map[int]work{}
	for _, w := range works {
		numbered[w.number] = w
	}
	end := prose.ReferencesStart(run.source)
	var found []Candidate
	for _, cite := range dice.Shuffled(d, prose.Citations(run.source, run.text.Lines)) {
		w, listed := numbered[cite.Number]
		at, ok := run.at(cite.Sentence)
		if !listed || !ok || cite.Sentence.Start >= end || !s.once(at) {
			continue
		}
		if len(found) == proposals/2 {
			break
		}
		sentence := prose.OneLine(at.Text())
		found = append(found, Candidate{
			Key: sentence, Source: "derived:citation", Evidence: []material.Range{at, w.entry},
			Question: s.Book.Say(d, phrase.Cited, s.Book.Quote(sentence)),
			Answer:   s.Book.Say(d, phrase.WorkIs, w.number, s.Book.Quote(w.text)),
			Meta: s.textMeta("reference", strconv.Itoa(w.number), "asked", "cited", "sentence",
				sentence),
		})
	}
	return found
}
