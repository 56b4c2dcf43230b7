package task

import (
	"strings"

	"longlora/longqa/code"
	"longlora/longqa/dice"
	"longlora/longqa/material"
)

// constant asks for a constant's value, as the compiler computes it.
type constant struct{}

func (constant) Name() string { return "constant" }

const maxConstant = 60 // bytes of a value or an expression

func (t constant) Propose(s *Scope, d *dice.Dice) []Candidate {
	var found []Candidate
	literals := 0
	for _, sym := range dice.Shuffled(d, s.symbols) {
		if len(found) == proposals {
			break
		}
		v := sym.Value
		if sym.Kind != code.Const || v == nil || !v.Plain || !s.alone(sym) ||
			len(v.Text) > maxConstant || len(v.Expr) > maxConstant ||
			strings.ContainsAny(v.Text+v.Expr, "`\n") || v.Range.Start < sym.Piece.Start {
			continue
		}
		if v.Own && v.Expr == v.Text {
			if literals++; literals > proposals/3 {
				continue // only a look-up
			}
		}
		refs, ok := s.constants(sym)
		if !ok {
			continue
		}
		found = append(found, t.candidate(s, d, sym, refs))
	}
	return found
}

// constants are the constants that a constant's expression names; all must be in the view, and made
// of literals alone.
func (s *Scope) constants(sym *code.Symbol) ([]*code.Symbol, bool) {
	var refs []*code.Symbol
	for _, name := range sym.Value.Refs {
		r := s.byKey[sym.Package.Path+"."+name]
		if r == nil || r.Value == nil || !r.Value.Plain || !r.Value.Own || len(r.Value.Refs) > 0 ||
			strings.Contains(r.Value.Expr, "iota") {
			return nil, false
		}
		refs = append(refs, r)
	}
	return refs, true
}

func (constant) candidate(s *Scope, d *dice.Dice, sym *code.Symbol, refs []*code.Symbol) Candidate {
	v := sym.Value
	c := Candidate{
		Key: sym.Key(), Located: true, Source: "derived:constant",
		Question: dice.Pick(d, []string{
			"What is the value of the constant " + s.quoted(sym) + "?",
			"Which value does the constant " + s.quoted(sym) + " have in " + s.where() + "?",
		}),
		Evidence: []material.Range{v.Range},
		Meta:     map[string]string{"symbol": sym.Key()},
	}
	for _, r := range refs {
		c.Evidence = append(c.Evidence, r.Range)
	}
	switch {
	case v.Own && v.Expr == v.Text:
		c.Answer = s.quoted(sym) + " is `" + v.Text + "`; the file " + s.file(sym) + " declares it so."
	case v.Own:
		c.Answer = s.quoted(sym) + " is `" + v.Text + "`: the file " + s.file(sym) +
			" declares it as `" + v.Expr + "`."
	default:
		c.Answer = s.quoted(sym) + " is `" + v.Text + "`: in its group in the file " + s.file(sym) +
			" the expression `" + v.Expr + "` is repeated for it."
	}
	return c
}
