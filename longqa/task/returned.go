package task

import (
	"slices"
	"strings"

	"longlora/longqa/code"
	"longlora/longqa/dice"
	"longlora/longqa/material"
)

// returned asks which errors a function can return: those that its return statements name, with the
// texts of those declared in the view, and those that they make of a literal text.
type returned struct{}

func (returned) Name() string { return "errors" }

// maxReturned bounds the length of an answer.
const maxReturned = 6

func (t returned) Propose(s *Scope, d *dice.Dice) []Candidate {
	var found []Candidate
	only := 0 // candidates without a variable
	for _, f := range dice.Shuffled(d, s.symbols) {
		if len(found) == proposals {
			break
		}
		if !f.IsFunc() || len(f.Returns) == 0 || len(f.Returns) > maxReturned || !s.alone(f) ||
			f.Package.Path == "errors" || f.Package.Path == "fmt" {
			continue
		}
		if !slices.ContainsFunc(f.Returns, func(r code.Return) bool { return r.Name != "" }) {
			if only++; only > proposals/2 {
				continue
			}
		}
		if c, ok := t.candidate(s, d, f); ok {
			found = append(found, c)
		}
	}
	return found
}

func (returned) candidate(s *Scope, d *dice.Dice, f *code.Symbol) (Candidate, bool) {
	c := Candidate{
		Key: f.Key(), Source: "derived:errors", Evidence: []material.Range{f.Head},
		Question: dice.Pick(d, returnedQuestions(s, s.quoted(f))),
		Meta:     map[string]string{"symbol": f.Key()},
	}
	var named, made []string
	for _, r := range f.Returns {
		c.Evidence = append(c.Evidence, r.Range)
		if r.Name == "" {
			made = append(made, "`"+r.Text+"`")
		}
		v := s.byKey[r.Name]
		switch {
		case strings.ContainsAny(r.Text, "`\n"):
			return c, false
		case r.Name == "":
		case v != nil && v.Message != "" && !strings.ContainsAny(v.Message, "`\n"):
			c.Evidence = append(c.Evidence, v.Range)
			named = append(named, "`"+r.Written+"`, whose text is `"+v.Message+"`")
		case v == nil && strings.Contains(r.Written, "."):
			named = append(named, "`"+r.Written+"`, which is declared elsewhere")
		default:
			return c, false
		}
	}
	c.Answer = returnedAnswer(s.quoted(f), named, made)
	return c, true
}

func returnedQuestions(s *Scope, name string) []string {
	return []string{
		"Which errors do the return statements of " + name + " name or create, and what are their texts?",
		"Which declared errors does " + name + " return by name, and which does it create in its " +
			"return statements? Give their texts where " + s.where() + " has them.",
	}
}

// returnedAnswer lists the variables and the texts of new errors.
func returnedAnswer(name string, named, made []string) string {
	var parts []string
	if len(named) > 0 {
		parts = append(parts, "returns "+strings.Join(named, "; "))
	}
	switch len(made) {
	case 0:
	case 1:
		parts = append(parts, "creates an error with the text "+made[0])
	default:
		parts = append(parts, "creates errors with the texts "+join(made))
	}
	return name + " " + strings.Join(parts, "; it also ") + "."
}
