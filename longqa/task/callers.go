package task

import (
	"strconv"

	"longlora/longqa/code"
	"longlora/longqa/dice"
	"longlora/longqa/material"
)

// callers asks which functions call a function.
type callers struct{}

func (callers) Name() string { return "callers" }

// maxCallers bounds the length of an answer.
const maxCallers = 8

func (callers) Propose(s *Scope, d *dice.Dice) []Candidate {
	var found []Candidate
	single := 0
	for _, f := range dice.Shuffled(d, s.symbols) {
		if len(found) == proposals {
			break
		}
		by, ok := s.calledBy(f)
		if !ok || len(by) > maxCallers {
			continue
		}
		if len(by) == 1 {
			if single++; single > proposals/3 {
				continue
			}
		}
		c := Candidate{
			Key: f.Key(), Source: "derived:callers",
			Question: dice.Pick(d, callersQuestions(s, kindOf(f), s.quoted(f))),
			Meta:     map[string]string{"symbol": f.Key()},
		}
		if len(by) == 1 {
			c.Answer = "Only " + s.quoted(by[0]) + " calls " + s.quoted(f) + "."
		} else {
			c.Answer = dice.Pick(d, []string{
				s.quoted(f) + " is called by " + s.quotedAll(by) + ".",
				"It is called by " + strconv.Itoa(len(by)) + " of them: " + s.quotedAll(by) + ".",
			})
		}
		for _, caller := range by {
			c.Evidence = append(c.Evidence, caller.Head, callRange(caller, f))
		}
		found = append(found, c)
	}
	return found
}

func callersQuestions(s *Scope, kind, name string) []string {
	return []string{
		"Which functions and methods in " + s.where() + " call " + name + "?",
		"Which functions and methods in " + s.where() + " call the " + kind + " " + name +
			"? Name every one.",
		"From which functions or methods in " + s.where() + " is " + name + " called?",
	}
}

// calledBy returns the functions in the view that call f, in the view's order, if there are some
// and its name means nothing else there: every piece that has the name is f's own or declares one
// of them.
func (s *Scope) calledBy(f *code.Symbol) ([]*code.Symbol, bool) {
	by := s.callers[f.Key()]
	if !f.IsFunc() || !s.alone(f) || len(by) == 0 {
		return nil, false
	}
	pieces := map[*material.Piece]bool{f.Piece: true}
	for _, caller := range by {
		if caller == f || s.declares[caller.Piece] != 1 || pieces[caller.Piece] {
			return nil, false
		}
		pieces[caller.Piece] = true
	}
	for _, p := range s.mentions[f.Name] {
		if !pieces[p] {
			return nil, false
		}
	}
	return by, true
}

// callRange is where a caller first calls f.
func callRange(caller, f *code.Symbol) material.Range {
	for _, c := range caller.Callees {
		if c.Callee == f.Key() {
			return c.Range
		}
	}
	return caller.Range
}
