package task

import (
	"longlora/longqa/dice"
	"longlora/longqa/material"
	"longlora/longqa/phrase"
)

// keyValue asks for the value of one of many keys that are scattered over the material.
type keyValue struct{}

func (keyValue) Name() string { return "keyvalue" }

const (
	keys        = 12
	valueDigits = 8
)

func (t keyValue) Propose(s *Scope, d *dice.Dice) []Candidate { return t.propose(s, d, "l") }

// propose plants keys that end in a letter.
func (keyValue) propose(s *Scope, d *dice.Dice, end string) []Candidate {
	places := s.scatter(d, keys)
	if places == nil {
		return nil
	}
	names, values := s.newNames(d, keys, end), s.newNumbers(d, keys, valueDigits)
	var lines []*material.Piece
	for i, at := range places {
		lines = append(lines, s.plant(at, names[i]+": "+values[i]))
	}
	var found []Candidate
	for i, p := range lines {
		found = append(found, Candidate{
			Key: s.View.ID + " " + names[i], Source: "derived:keyvalue",
			Question: s.Book.Say(d, phrase.Value, s.Book.Quote(names[i])),
			Answer:   s.Book.Say(d, phrase.ValueIs, s.Book.Quote(names[i]), values[i]),
			Evidence: []material.Range{planted(p)}, Plant: lines,
			Meta: s.textMeta("name", names[i]),
		})
	}
	return found
}

// absent asks for keys that the scattered lines do not have.
func (t keyValue) absent(s *Scope, d *dice.Dice) []Candidate {
	all := t.propose(s, d, "s")
	if all == nil {
		return nil
	}
	var found []Candidate
	for _, name := range s.newNames(d, 3, "t") {
		found = append(found, s.absentText(d, name, s.Book.Say(d, phrase.Value, s.Book.Quote(name)),
			all[0].Plant))
	}
	return found
}
