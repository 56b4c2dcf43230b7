package task

import (
	"strings"

	"longlora/longqa/dice"
	"longlora/longqa/material"
	"longlora/longqa/phrase"
)

// variables asks which of the variables that scattered lines assign have a value, directly or
// through others.
type variables struct{}

func (variables) Name() string { return "variables" }

const (
	chains      = 2 // values that are passed on
	chainLength = 4 // variables with one value
	valueOfVar  = 6 // digits
)

func (variables) Propose(s *Scope, d *dice.Dice) []Candidate {
	places := s.scatter(d, chains*chainLength)
	if places == nil {
		return nil
	}
	names := s.newNames(d, chains*chainLength, "r")
	values := s.newNumbers(d, chains, valueOfVar)
	turn := dice.Shuffled(d, append(make([]int, chainLength), 1, 1, 1, 1))
	of := make([][]string, chains)
	pieces := make([][]*material.Piece, chains)
	var lines []*material.Piece
	for i, chain := range turn {
		name := strings.ToUpper(names[i])
		value := values[chain]
		if n := len(of[chain]); n > 0 {
			value = dice.Pick(d, of[chain])
		}
		p := s.plant(places[i], "VAR "+name+" = "+value)
		of[chain], pieces[chain] = append(of[chain], name), append(pieces[chain], p)
		lines = append(lines, p)
	}
	var found []Candidate
	for i, value := range values {
		c := Candidate{
			Key: s.View.ID + " " + value, Source: "derived:variables", Plant: lines,
			Question: s.Book.Say(d, phrase.Variables, value),
			Answer:   s.Book.Say(d, phrase.VariableAre, value, s.Book.Join(of[i])),
			Meta:     s.textMeta("value", value),
		}
		for _, p := range pieces[i] {
			c.Evidence = append(c.Evidence, planted(p))
		}
		found = append(found, c)
	}
	return found
}
