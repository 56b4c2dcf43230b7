package task

import (
	"slices"
	"sort"
	"strings"

	"longlora/longqa/code"
	"longlora/longqa/dice"
)

// ordering asks in which order things come: declarations, or the headings of a text.
type ordering struct{}

func (ordering) Name() string { return "ordering" }

const (
	inOrder        = 4 // things to order
	orderProposals = 8
)

func (t ordering) Propose(s *Scope, d *dice.Dice) []Candidate {
	if s.Text != nil {
		return t.headings(s, d)
	}
	if len(s.Packages) == 0 {
		return nil
	}
	var choice []*code.Symbol
	for _, sym := range s.symbols {
		if s.alone(sym) && (sym.IsFunc() || sym.IsType()) && s.declares[sym.Piece] == 1 {
			choice = append(choice, sym)
		}
	}
	var found []Candidate
	for tries := 0; tries < 2*orderProposals && len(choice) >= 4*inOrder &&
		len(found) < orderProposals; tries++ {
		c, names := t.declarations(s, d, dice.Shuffled(d, choice)[:inOrder])
		if !slices.IsSorted(names) {
			found = append(found, c)
		}
	}
	return found
}

// declarations asks for the order of some symbols. names are theirs in that order: if they are
// sorted by the alphabet, they give it away.
func (ordering) declarations(s *Scope, d *dice.Dice,
	shuffled []*code.Symbol) (c Candidate, names []string) {
	at := map[*code.Symbol]int{}
	for i, sym := range s.symbols {
		at[sym] = i
	}
	sorted := append([]*code.Symbol(nil), shuffled...)
	sort.Slice(sorted, func(i, j int) bool { return at[sorted[i]] < at[sorted[j]] })
	c = Candidate{
		Source: "derived:ordering",
		Question: dice.Pick(d, []string{
			"In which order are " + s.quotedAll(shuffled) + " declared in " + s.where() + "?",
			"Put " + s.quotedAll(shuffled) + " into the order in which " + s.where() + " declares them.",
		}),
		Meta: map[string]string{},
	}
	var keys, parts []string
	for _, sym := range sorted {
		keys = append(keys, sym.Key())
		parts, names = append(parts, s.quoted(sym)), append(names, strings.ToLower(s.name(sym)))
		c.Evidence = append(c.Evidence, sym.Head)
	}
	for _, sym := range shuffled {
		c.Meta["symbols"] = strings.TrimSpace(c.Meta["symbols"] + " " + sym.Key())
	}
	c.Key = strings.Join(keys, " ")
	c.Answer = inSequence(parts)
	return c, names
}

// inSequence says in which order four things come.
func inSequence(of []string) string {
	return "First comes " + of[0] + ", then " + of[1] + ", then " + of[2] + ", and last " + of[3] + "."
}
