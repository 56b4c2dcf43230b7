package task

import (
	"longlora/longqa/code"
	"longlora/longqa/dice"
	"longlora/longqa/material"
)

// declaration asks where something is declared, and as what.
type declaration struct{}

func (declaration) Name() string { return "declaration" }

const (
	maxSignature = 160 // bytes
	maxFields    = 8
)

func (t declaration) Propose(s *Scope, d *dice.Dice) []Candidate {
	var found []Candidate
	for _, sym := range dice.Shuffled(d, s.symbols) {
		if len(found) == proposals {
			break
		}
		if !s.alone(sym) {
			continue
		}
		switch {
		case sym.IsFunc() && len(sym.Signature) <= maxSignature:
			found = append(found, t.function(s, d, sym))
		case sym.Kind == code.Struct && plainFields(sym):
			found = append(found, t.structType(s, d, sym))
		}
	}
	return found
}

func (declaration) function(s *Scope, d *dice.Dice, f *code.Symbol) Candidate {
	return Candidate{
		Key: f.Key(), Located: true, Source: "derived:declaration",
		Question: dice.Pick(d, declarationQuestions(s, kindOf(f), s.quoted(f))),
		Answer: dice.Pick(d, []string{
			s.quoted(f) + " is declared in the file " + s.file(f) + " as `" + f.Signature + "`.",
			"It is declared in the file " + s.file(f) + "; its signature is `" + f.Signature + "`.",
		}),
		Evidence: []material.Range{f.Head},
		Meta:     map[string]string{"symbol": f.Key()},
	}
}

func (declaration) structType(s *Scope, d *dice.Dice, t *code.Symbol) Candidate {
	return Candidate{
		Key: t.Key(), Located: true, Source: "derived:declaration",
		Question: dice.Pick(d, structQuestions(s, s.quoted(t))),
		Answer: s.quoted(t) + " is declared in the file " + s.file(t) + " with " +
			count(len(t.Fields), "field") + ": " + join(fieldNames(t)) + ".",
		Evidence: []material.Range{t.Range},
		Meta:     map[string]string{"symbol": t.Key()},
	}
}

// plainFields reports whether a struct has a few fields, all with names of their own.
func plainFields(t *code.Symbol) bool {
	for _, f := range t.Fields {
		if f.Embedded || f.Name == "_" {
			return false
		}
	}
	return len(t.Fields) > 0 && len(t.Fields) <= maxFields
}

func fieldNames(t *code.Symbol) []string {
	names := make([]string, len(t.Fields))
	for i, f := range t.Fields {
		names[i] = "`" + f.Name + "`"
	}
	return names
}

func declarationQuestions(s *Scope, kind, name string) []string {
	return []string{
		"Where in " + s.where() + " is the " + kind + " " + name + " declared, and with what signature?",
		"In which file is the " + kind + " " + name + " declared, and what is its signature?",
	}
}

func structQuestions(s *Scope, name string) []string {
	return []string{
		"Where in " + s.where() + " is the struct type " + name +
			" declared, and which fields does it have?",
		"In which file is the struct type " + name + " declared, and what are its fields called?",
	}
}
