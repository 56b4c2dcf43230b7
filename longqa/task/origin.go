package task

import (
	"strings"

	"longlora/longqa/dice"
	"longlora/longqa/material"
	"longlora/longqa/phrase"
	"longlora/longqa/prose"
)

// origin asks which of several documents has a sentence.
type origin struct{}

func (origin) Name() string { return "origin" }

func (t origin) Propose(s *Scope, d *dice.Dice) []Candidate {
	if len(s.Texts) < 2 || len(s.Texts) != len(s.View.Docs) {
		return nil
	}
	titles := map[string]int{}
	var names []string
	for _, text := range s.Texts {
		names = append(names, text.Document.Title)
		titles[text.Document.Title]++
	}
	var found []Candidate
	for _, at := range dice.Shuffled(d, s.sentences()) {
		if len(found) == proposals {
			break
		}
		title := at.Piece.Document.Title
		if titles[title] != 1 || !phrase.Quotable(title) || !s.once(at) {
			continue
		}
		sentence := prose.OneLine(at.Text())
		found = append(found, Candidate{
			Key: sentence, Source: "derived:origin", Evidence: []material.Range{at},
			Question: s.Book.Say(d, phrase.Origin, s.Book.Quote(sentence)),
			Answer:   s.Book.Say(d, phrase.OriginIs, s.Book.Quote(title)),
			Meta:     s.textMeta("sentence", sentence, "titles", strings.Join(names, "\n")),
			Titled:   true,
		})
	}
	return found
}
