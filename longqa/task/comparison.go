package task

import (
	"strconv"

	"longlora/longqa/code"
	"longlora/longqa/dice"
	"longlora/longqa/material"
)

// comparison asks how two declarations that stand far apart compare.
type comparison struct{}

func (comparison) Name() string { return "comparison" }

// farApart is the least distance of the two, as a part of the view.
const farApart = 0.3

func (t comparison) Propose(s *Scope, d *dice.Dice) []Candidate {
	var structs, funcs []*code.Symbol
	for _, sym := range dice.Shuffled(d, s.symbols) {
		switch {
		case !s.alone(sym):
		case sym.Kind == code.Struct && plainFields(sym) && len(sym.Fields) > 1:
			structs = append(structs, sym)
		case sym.IsFunc() && len(sym.Signature) <= maxSignature && sym.Params > 0:
			funcs = append(funcs, sym)
		}
	}
	var found []Candidate
	t.pairs(s, structs, func(a, b *code.Symbol) bool {
		found = append(found, compareStructs(s, d, a, b))
		return len(found) < proposals/2
	})
	t.pairs(s, funcs, func(a, b *code.Symbol) bool {
		if a.Params != b.Params {
			found = append(found, compareFuncs(s, d, a, b))
		}
		return len(found) < proposals
	})
	return found
}

// pairs yields pairs that stand far apart, each symbol once.
func (comparison) pairs(s *Scope, of []*code.Symbol, yield func(a, b *code.Symbol) bool) {
	used := make([]bool, len(of))
	for i, a := range of {
		if used[i] {
			continue
		}
		for j := i + 1; j < len(of) && j < i+20; j++ {
			gap := s.Position(a.Range) - s.Position(of[j].Range)
			if used[j] || gap < farApart && gap > -farApart {
				continue
			}
			used[j] = true
			if !yield(a, of[j]) {
				return
			}
			break
		}
	}
}

func compareStructs(s *Scope, d *dice.Dice, a, b *code.Symbol) Candidate {
	inB := map[string]bool{}
	for _, f := range b.Fields {
		inB[f.Name] = true
	}
	var common []string
	for _, f := range a.Fields {
		if inB[f.Name] {
			common = append(common, "`"+f.Name+"`")
		}
	}
	has := func(t *code.Symbol) string {
		return s.quoted(t) + " has " + count(len(t.Fields), "field") + ", " + join(fieldNames(t))
	}
	answer := has(a) + "; " + has(b) + ". "
	switch len(common) {
	case 0:
		answer += "They have no field name in common."
	case 1:
		answer += "They have the field name " + common[0] + " in common."
	default:
		answer += "They have the field names " + join(common) + " in common."
	}
	return Candidate{
		Key: pairKey(a, b), Source: "derived:comparison",
		Question: dice.Pick(d, []string{
			"Compare the struct types " + s.quoted(a) + " and " + s.quoted(b) +
				": which fields does each have, and which field names do they have in common?",
			"How do the fields of the struct types " + s.quoted(a) + " and " + s.quoted(b) +
				" compare? List each one's fields and the names that occur in both.",
		}),
		Answer: answer, Evidence: []material.Range{a.Range, b.Range},
		Meta: map[string]string{"first": a.Key(), "second": b.Key(), "compare": "fields"},
	}
}

func compareFuncs(s *Scope, d *dice.Dice, a, b *code.Symbol) Candidate {
	more, fewer := a, b
	if a.Params < b.Params {
		more, fewer = b, a
	}
	return Candidate{
		Key: pairKey(a, b), Source: "derived:comparison",
		Question: dice.Pick(d, []string{
			"Which of " + s.quoted(a) + " and " + s.quoted(b) +
				" takes more parameters, and what are their signatures?",
			"Compare the signatures of " + s.quoted(a) + " and " + s.quoted(b) +
				" in " + s.where() + ": which one has more parameters?",
		}),
		Answer: s.quoted(more) + " takes more: " + count(more.Params, "parameter") + ", where " +
			s.quoted(fewer) + " takes " + strconv.Itoa(fewer.Params) +
			". The first is declared as `" + more.Signature + "`, the second as `" + fewer.Signature + "`.",
		Evidence: []material.Range{a.Head, b.Head},
		Meta:     map[string]string{"first": a.Key(), "second": b.Key(), "compare": "parameters"},
	}
}

// pairKey is the same for both orders of a pair.
func pairKey(a, b *code.Symbol) string {
	return min(a.Key(), b.Key()) + " " + max(a.Key(), b.Key())
}
