package task

import (
	"strings"

	"longlora/longqa/code"
	"longlora/longqa/dice"
)

// returned asks which errors a function can return: those that its return statements name, with the
// texts of those declared in the view, and those that they make of a literal text.
type returned struct{}

func (returned) Name() string { return "errors" }

// maxReturned bounds the length of an answer.
const maxReturned = 6

func (t returned) Propose(s *Scope, d *dice.Dice) []Candidate {
	var found []Candidate
	for _, f := range dice.Shuffled(d, s.symbols) {
		if len(found) == proposals {
			break
		}
		if !f.IsFunc() || len(f.Returns) == 0 || len(f.Returns) > maxReturned || !s.alone(f) ||
			f.Package.Path == "errors" || f.Package.Path == "fmt" {
			continue
		}
		if c, ok := t.candidate(s, d, f); ok {
			found = append(found, c)
		}
	}
	return found
}

func (returned) candidate(s *Scope, d *dice.Dice, f *code.Symbol) (Candidate, bool) {
	c := Candidate{
		Key: f.Key(), Source: "derived:errors",
		Question: dice.Pick(d, []string{
			"Which errors do the return statements of " + s.quoted(f) + " name or create directly, and what are their texts?",
			"Which error variables can the " + kindOf(f) + " " + s.quoted(f) +
				" return by name, and which errors does it create in a return statement? Give their texts where " + s.where() + " has them.",
		}),
		Meta: map[string]string{"symbol": f.Key()},
	}
	parts := []string{}
	c.Evidence = append(c.Evidence, f.Head)
	for _, r := range f.Returns {
		c.Evidence = append(c.Evidence, r.Range)
		if r.Variable == "" {
			if strings.ContainsAny(r.Text, "`\n") {
				return c, false
			}
			parts = append(parts, "a new error with the text `"+r.Text+"`")
			continue
		}
		v := s.byKey[r.Variable]
		switch {
		case v != nil && v.Message != "" && !strings.ContainsAny(v.Message, "`\n"):
			c.Evidence = append(c.Evidence, v.Range)
			parts = append(parts, "`"+r.Written+"`, whose text is `"+v.Message+"`")
		case v == nil && strings.Contains(r.Written, "."):
			parts = append(parts, "`"+r.Written+"`, which is declared elsewhere")
		default:
			return c, false
		}
	}
	c.Answer = s.quoted(f) + " returns " + strings.Join(parts, "; ") + "."
	if n := len(parts); n > 1 {
		c.Answer = s.quoted(f) + " returns " + strings.Join(parts[:n-1], "; ") + "; and " + parts[n-1] + "."
	}
	return c, true
}
