package task

import (
	"strings"

	"longlora/longqa/code"
	"longlora/longqa/dice"
	"longlora/longqa/material"
)

// unanswerable asks what the view does not answer, in the words of the other tasks: about something
// that it does not have, or about something that it uses but does not declare.
type unanswerable struct{}

func (unanswerable) Name() string { return "unanswerable" }

// shortName is the length below which a name may be a word.
const shortName = 5

func (t unanswerable) Propose(s *Scope, d *dice.Dice) []Candidate {
	planted := keyValue{}.absent(s, d)
	if len(s.Packages) == 0 {
		return append(planted, t.absentTexts(s, d)...)
	}
	first, second := t.absent, t.undeclared
	if d.Float() < 0.5 {
		first, second = second, first
	}
	if found := first(s, d); len(found) > 0 {
		return append(found, planted...)
	}
	return append(second(s, d), planted...)
}

// absent asks about declarations of the view's packages, or of others that belong with them, that
// were left out and are not mentioned.
func (unanswerable) absent(s *Scope, d *dice.Dice) []Candidate {
	var choice []*code.Symbol
	for _, p := range s.Packages {
		for _, sym := range p.Symbols {
			if !s.View.Has(sym.Piece) {
				choice = append(choice, sym)
			}
		}
		for _, q := range dice.Shuffled(d, s.Program.Packages) {
			if p.Document.Related[q.Document.ID] && len(choice) < 2000 {
				choice = append(choice, q.Symbols...)
			}
		}
	}
	var found []Candidate
	for tries := 0; tries < 8*proposals && len(choice) > 0 && len(found) < proposals/2; tries++ {
		sym := dice.Pick(d, choice)
		if s.View.Has(sym.Piece) || len(sym.Name) < shortName || !sym.IsFunc() && !sym.IsType() ||
			s.contains(sym.Name) || !s.nameable(sym) {
			continue
		}
		name := "`" + s.outsideName(sym) + "`"
		found = append(found, Candidate{
			Key: sym.Key() + " " + s.View.ID, Source: "derived:unanswerable",
			Question: anyQuestion(s, d, sym, name),
			Answer: dice.Pick(d, []string{
				"The given code does not say: nothing called " + name + " occurs in it.",
				"That cannot be answered from the given code, which does not mention " + name + ".",
				name + " does not occur in the given code, so it does not tell.",
			}),
			Meta: map[string]string{"symbol": sym.Key(), "unanswerable": "absent"},
		})
	}
	return found
}

// undeclared asks about functions that the view calls and does not declare.
func (unanswerable) undeclared(s *Scope, d *dice.Dice) []Candidate {
	var found []Candidate
	seen := map[string]bool{}
	for _, caller := range dice.Shuffled(d, s.symbols) {
		for _, call := range caller.Callees {
			if len(found) == proposals/2 {
				return found
			}
			sym := s.Program.Symbol(call.Callee)
			if sym == nil || seen[call.Callee] || s.View.Has(sym.Piece) ||
				len(s.byName[sym.Name]) > 0 || len(sym.Name) < shortName || !s.nameable(sym) {
				continue
			}
			seen[call.Callee] = true
			name := "`" + s.outsideName(sym) + "`"
			found = append(found, Candidate{
				Key: sym.Key() + " " + s.View.ID, Source: "derived:unanswerable",
				Question: dice.Pick(d, bodyQuestions(s, sym, name)),
				Answer: dice.Pick(d, []string{
					"The given code does not say: it uses " + name + ", but the declaration is not part of it.",
					"That cannot be answered from the given code: " + name +
						" is called there but declared elsewhere.",
				}),
				Evidence: []material.Range{call.Range},
				Meta:     map[string]string{"symbol": sym.Key(), "unanswerable": "undeclared"},
			})
			break
		}
	}
	return found
}

// anyQuestion asks about a symbol as one of the other tasks would.
func anyQuestion(s *Scope, d *dice.Dice, sym *code.Symbol, name string) string {
	kind := kindOf(sym)
	var forms [][]string
	if sym.IsFunc() {
		forms = [][]string{
			functionQuestions(s, kind, name), callersQuestions(s, kind, name),
			bodyQuestions(s, sym, name),
		}
	} else {
		forms = [][]string{typeQuestions(s, kind, name), methodsQuestions(s, name)}
	}
	if sym.Kind == code.Struct {
		forms = append(forms, structQuestions(s, name))
	}
	return dice.Pick(d, dice.Pick(d, forms))
}

// bodyQuestions ask about a function what only its declaration tells.
func bodyQuestions(s *Scope, f *code.Symbol, name string) []string {
	questions := declarationQuestions(s, kindOf(f), name)
	if strings.HasSuffix(f.Signature, "error") || strings.HasSuffix(f.Signature, "error)") {
		questions = append(questions, returnedQuestions(s, name)...)
	}
	return questions
}

// contains reports whether a name occurs anywhere in the view, be it within a word.
func (s *Scope) contains(name string) bool {
	for _, k := range s.View.Docs {
		for _, p := range k.Pieces {
			if strings.Contains(p.Text(), name) {
				return true
			}
		}
	}
	return false
}

// nameable reports whether a name for a symbol of another package is understood: no package of the
// view has that package's name.
func (s *Scope) nameable(sym *code.Symbol) bool {
	for _, p := range s.Packages {
		if p != sym.Package && p.Name == sym.Package.Name {
			return false
		}
	}
	return true
}

// outsideName is how a question names a symbol that is not in the view.
func (s *Scope) outsideName(sym *code.Symbol) string {
	if len(s.Packages) == 1 && s.Packages[0] == sym.Package {
		return sym.Local()
	}
	return sym.Package.Name + "." + sym.Local()
}
