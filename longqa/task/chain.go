package task

import (
	"longlora/longqa/code"
	"longlora/longqa/dice"
	"longlora/longqa/material"
)

// chain asks for the function between two others: it is called by the one and calls the other.
type chain struct{}

func (chain) Name() string { return "chain" }

func (chain) Propose(s *Scope, d *dice.Dice) []Candidate {
	var found []Candidate
	for _, last := range dice.Shuffled(d, s.symbols) {
		if len(found) == proposals {
			break
		}
		by, ok := s.calledBy(last)
		if !ok {
			continue
		}
		if first, middle := s.through(d, last, by); first != nil {
			found = append(found, chainOf(s, d, first, middle, last))
		}
	}
	return found
}

// through finds a function that calls exactly one of the callers of last, and not last itself.
func (s *Scope) through(d *dice.Dice, last *code.Symbol,
	by []*code.Symbol) (first, middle *code.Symbol) {
	for _, m := range dice.Shuffled(d, by) {
		above, ok := s.calledBy(m)
		if !ok {
			continue
		}
		for _, f := range dice.Shuffled(d, above) {
			if f == last || s.mentionsAny(f, last) || s.mentionsOther(f, m, by) {
				continue
			}
			return f, m
		}
	}
	return nil, nil
}

// mentionsAny reports whether a function's piece has the name of one of the others.
func (s *Scope) mentionsAny(f *code.Symbol, others ...*code.Symbol) bool {
	for _, o := range others {
		for _, p := range s.mentions[o.Name] {
			if p == f.Piece {
				return true
			}
		}
	}
	return false
}

func (s *Scope) mentionsOther(f, m *code.Symbol, by []*code.Symbol) bool {
	for _, o := range by {
		if o != m && (o == f || s.mentionsAny(f, o)) {
			return true
		}
	}
	return false
}

func chainOf(s *Scope, d *dice.Dice, first, middle, last *code.Symbol) Candidate {
	return Candidate{
		Key: first.Key() + " " + last.Key(), Source: "derived:chain",
		Question: dice.Pick(d, []string{
			"In " + s.where() + ", " + s.quoted(first) + " does not call " + s.quoted(last) +
				" itself, but a function or method that it calls does. Which one?",
			"Through which function or method does " + s.quoted(first) + " reach " + s.quoted(last) +
				" in " + s.where() + "? Name the one that the first calls and that calls the second.",
		}),
		Answer: dice.Pick(d, []string{
			"It is " + s.quoted(middle) + ": " + s.quoted(first) + " calls it, and it calls " +
				s.quoted(last) + ".",
			"Through " + s.quoted(middle) + ", which " + s.quoted(first) + " calls and which calls " +
				s.quoted(last) + ".",
		}),
		Evidence: []material.Range{
			first.Head, callRange(first, middle), middle.Head, callRange(middle, last),
		},
		Meta: map[string]string{"first": first.Key(), "last": last.Key()},
	}
}
