package task

import (
	"longlora/longqa/code"
	"longlora/longqa/dice"
)

// methodsOf asks which methods are declared on a type.
type methodsOf struct{}

func (methodsOf) Name() string { return "methods" }

const (
	minMethods = 2
	maxMethods = 10
)

func (methodsOf) Propose(s *Scope, d *dice.Dice) []Candidate {
	of := map[string][]*code.Symbol{}
	for _, sym := range s.symbols {
		if sym.Kind == code.Method {
			key := sym.Package.Path + "." + sym.Recv
			of[key] = append(of[key], sym)
		}
	}
	var found []Candidate
	for _, t := range dice.Shuffled(d, s.symbols) {
		methods := of[t.Key()]
		if len(found) == proposals {
			break
		}
		if !t.IsType() || !s.alone(t) || len(methods) < minMethods || len(methods) > maxMethods {
			continue
		}
		c := Candidate{
			Key: t.Key(), Source: "derived:methods",
			Question: dice.Pick(d, methodsQuestions(s, s.quoted(t))),
			Meta:     map[string]string{"symbol": t.Key()},
		}
		names := make([]string, len(methods))
		for i, m := range methods {
			names[i] = "`" + m.Name + "`"
			c.Evidence = append(c.Evidence, m.Head)
		}
		c.Answer = "The type " + s.quoted(t) + " has " + count(len(methods), "method") + ": " +
			join(names) + "."
		found = append(found, c)
	}
	return found
}

func methodsQuestions(s *Scope, name string) []string {
	return []string{
		"Which methods are declared on the type " + name + " in " + s.where() +
			"? List them in the order in which they come.",
		"List, in order, the methods that " + s.where() + " declares on the type " + name + ".",
	}
}
