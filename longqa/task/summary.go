package task

import (
	"go/doc/comment"
	"strings"

	"longlora/longqa/code"
	"longlora/longqa/dice"
	"longlora/longqa/material"
)

// summary asks what a function, type or package does. The answer is its comment, which is removed
// from the context with all its copies.
type summary struct{}

func (summary) Name() string { return "summary" }

// maxSummaryWords bounds an answer: longer comments are manuals, not answers.
const maxSummaryWords = 250

func (t summary) Propose(s *Scope, d *dice.Dice) []Candidate {
	var found []Candidate
	for _, p := range s.Packages {
		if c, ok := t.ofPackage(s, d, p); ok {
			found = append(found, c)
		}
	}
	for _, sym := range dice.Shuffled(d, s.symbols) {
		if len(found) == 2*proposals {
			break // some will be rejected for what the context still says
		}
		if c, ok := t.ofSymbol(s, d, sym); ok {
			found = append(found, c)
		}
	}
	return found
}

func (t summary) ofSymbol(s *Scope, d *dice.Dice, sym *code.Symbol) (Candidate, bool) {
	if sym.Doc == nil || !sym.IsFunc() && !sym.IsType() || s.declares[sym.Piece] != 1 {
		return Candidate{}, false
	}
	answer, ok := summaryText(sym.Doc.Text, sym.Name)
	if !ok {
		return Candidate{}, false
	}
	var question string
	if sym.IsFunc() {
		question = dice.Pick(d, []string{
			"What does the " + kindOf(sym) + " " + s.quoted(sym) + " do?",
			"Explain what the " + kindOf(sym) + " " + s.quoted(sym) + " does.",
			"In " + s.where() + ", what is the " + kindOf(sym) + " " + s.quoted(sym) + " for, and how does it behave?",
		})
	} else {
		question = dice.Pick(d, []string{
			"What is the " + kindOf(sym) + " " + s.quoted(sym) + " for?",
			"Explain what the " + kindOf(sym) + " " + s.quoted(sym) + " represents.",
			"In " + s.where() + ", what does the " + kindOf(sym) + " " + s.quoted(sym) + " stand for?",
		})
	}
	return Candidate{
		Key: sym.Key(), Source: "gold:doc", Question: question, Answer: answer,
		Evidence: []material.Range{sym.Range}, Remove: copies(s, sym.Doc),
		Meta: map[string]string{"symbol": sym.Key(), "name": sym.Name},
	}, true
}

// ofPackage asks about a whole package. The evidence is the declarations that its comment names.
func (t summary) ofPackage(s *Scope, d *dice.Dice, p *code.Package) (Candidate, bool) {
	if p.Doc == nil || !s.View.Has(p.Doc.Range.Piece) {
		return Candidate{}, false
	}
	answer, ok := summaryText(p.Doc.Text, p.Name)
	if !ok {
		return Candidate{}, false
	}
	var evidence []material.Range
	seen := map[string]bool{}
	for _, word := range strings.FieldsFunc(answer, notName) {
		for _, sym := range s.byName[word] {
			if sym.Package == p && sym.Recv == "" && sym.Exported() && !seen[word] {
				seen[word] = true
				evidence = append(evidence, sym.Head)
			}
		}
	}
	if len(evidence) == 0 {
		return Candidate{}, false
	}
	return Candidate{
		Key: p.Path, Source: "gold:doc", Answer: answer, Evidence: evidence,
		Question: dice.Pick(d, []string{
			"What is " + owner(p) + " for?",
			"Explain what " + owner(p) + " provides.",
			"What does " + owner(p) + " do?",
		}),
		Remove: copies(s, p.Doc),
		Meta:   map[string]string{"symbol": p.Path, "name": p.Name},
	}, true
}

func notName(r rune) bool {
	return r != '_' && !('0' <= r && r <= '9') && !('a' <= r && r <= 'z') && !('A' <= r && r <= 'Z')
}

// copies are the comment and every other in the view that says the same.
func copies(s *Scope, doc *code.Comment) []material.Range {
	all := []material.Range{doc.Range}
	for _, sym := range s.symbols {
		if sym.Doc != nil && sym.Doc != doc && sym.Doc.Text == doc.Text {
			all = append(all, sym.Doc.Range)
		}
	}
	return all
}

// summaryText renders a comment as plain paragraphs. It refuses what is no description: notes to
// developers, and comments that do not speak about the name.
func summaryText(doc, name string) (string, bool) {
	var parser comment.Parser
	printer := comment.Printer{TextWidth: -1}
	text := strings.TrimSpace(string(printer.Text(parser.Parse(doc))))
	words := len(strings.Fields(text))
	first, _, _ := strings.Cut(text, "\n")
	about := false
	for _, w := range strings.FieldsFunc(first, notName) {
		about = about || w == name
	}
	for _, note := range []string{"TODO", "FIXME", "XXX", "BUG(", "Deprecated:", "Copyright", "====", "----"} {
		if strings.Contains(text, note) {
			return "", false
		}
	}
	return text, about && words >= minSummaryWords && words <= maxSummaryWords && endsSentence(text)
}

// minSummaryWords is the rule of package rules; what is shorter need not be proposed.
const minSummaryWords = 20

func endsSentence(text string) bool {
	return strings.HasSuffix(text, ".") || strings.HasSuffix(text, ".)") || strings.HasSuffix(text, "?")
}
