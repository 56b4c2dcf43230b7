package task

import (
	"go/doc/comment"
	"regexp"
	"strings"

	"longlora/longqa/code"
	"longlora/longqa/dice"
	"longlora/longqa/material"
	"longlora/longqa/rule"
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
	questions := functionQuestions
	if sym.IsType() {
		questions = typeQuestions
	}
	return Candidate{
		Key: sym.Key(), Source: "gold:doc", Answer: answer,
		Question: dice.Pick(d, questions(s, kindOf(sym), s.quoted(sym))),
		Evidence: []material.Range{sym.Range}, Remove: copies(s, sym.Doc),
		Meta: map[string]string{"symbol": sym.Key(), "name": sym.Name},
	}, true
}

func functionQuestions(s *Scope, kind, name string) []string {
	return []string{
		"What does the " + kind + " " + name + " do?",
		"Explain what the " + kind + " " + name + " does.",
		"In " + s.where() + ", what is the " + kind + " " + name + " for, and how does it behave?",
	}
}

func typeQuestions(s *Scope, kind, name string) []string {
	return []string{
		"What is the " + kind + " " + name + " for?",
		"Explain what the " + kind + " " + name + " represents.",
		"In " + s.where() + ", what does the " + kind + " " + name + " stand for?",
	}
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
	about := answer[len(opening.FindString(answer)):] // the words before it name no declaration
	for _, word := range strings.FieldsFunc(about, notName) {
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
// developers, and comments that do not begin as a sentence about the name.
func summaryText(doc, name string) (string, bool) {
	parser := comment.Parser{
		LookupPackage: func(name string) (string, bool) { return name, true },
		LookupSym:     func(_, _ string) bool { return true },
	}
	printer := comment.Printer{TextWidth: -1}
	text := strings.TrimSpace(string(printer.Text(parser.Parse(doc))))
	words := len(strings.Fields(text))
	if words < rule.MinSummaryWords || words > maxSummaryWords || note.MatchString(text) ||
		!endsSentence(text) {
		return "", false
	}
	m := opening.FindStringSubmatch(text)
	return text, m != nil && m[1] == name && !continues(strings.ToLower(m[2]))
}

var (
	// opening is the beginning of a comment by the convention of the language: perhaps an article or
	// "Package", the name, and the word after it.
	opening = regexp.MustCompile(`^(?:(?:The|An?|Package|Command|Type|Func) )?(\w+),? (\w+)`)
	// note marks what developers say to each other.
	note = regexp.MustCompile(`TODO|FIXME|XXX|BUG\(|Deprecated:|Copyright|====|----|#\d{3,}|` +
		`^\w+ is (?:only )?(?:called|invoked|used) (?:by|from|in|only)\b|` +
		`\b[Ww]e (may|might|should|could|would|want|need|don't|can't)\b|\bI \w+|` +
		`golang.org/issue|go.dev/issue`)
)

// continues reports whether the word after a name belongs to it, so that no verb follows.
func continues(word string) bool {
	switch word {
	case "as", "per", "from", "see", "for", "of", "and", "or", "in", "but", "with":
		return true
	}
	return false
}

func endsSentence(text string) bool {
	return strings.HasSuffix(text, ".") || strings.HasSuffix(text, ".)")
}
