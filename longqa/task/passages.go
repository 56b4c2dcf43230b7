package task

import (
	"regexp"
	"slices"
	"strings"

	"longlora/longqa/dice"
	"longlora/longqa/material"
	"longlora/longqa/phrase"
	"longlora/longqa/prose"
)

// passages asks in which order four sentences of a text, and so what they tell, come.
type passages struct{}

func (passages) Name() string { return "passages" }

// dateline begins a sentence with a day, as in a diary, which tells the order.
var dateline = regexp.MustCompile(`^\pL+\.? \d`)

// minPassageGap is the least distance between two of the passages, as a part of the view.
const minPassageGap = 0.05

func (t passages) Propose(s *Scope, d *dice.Dice) []Candidate {
	var found []Candidate
	all := s.sentences()
	for tries := 0; tries < 2*orderProposals && len(all) >= 4*inOrder &&
		len(found) < orderProposals; tries++ {
		var chosen []material.Range
		for range 12 * inOrder {
			if len(chosen) == inOrder {
				break
			}
			r := dice.Pick(d, all)
			if s.apart(chosen, r) && s.once(r) && !dateline.MatchString(r.Text()) {
				chosen = append(chosen, r)
			}
		}
		if len(chosen) == inOrder {
			found = append(found, t.candidate(s, d, chosen))
		}
	}
	return found
}

// apart reports whether a range is far enough from all others.
func (s *Scope) apart(others []material.Range, r material.Range) bool {
	at := s.Position(r)
	for _, o := range others {
		if gap := s.Position(o) - at; gap < minPassageGap && gap > -minPassageGap {
			return false
		}
	}
	return true
}

func (passages) candidate(s *Scope, d *dice.Dice, chosen []material.Range) Candidate {
	letters := []string{"A", "B", "C", "D"}
	var lines, order []string
	for i, r := range chosen {
		lines = append(lines, letters[i]+": "+s.Book.Quote(prose.OneLine(r.Text())))
	}
	sorted := slices.Clone(letters)
	slices.SortFunc(sorted, func(a, b string) int {
		x, y := chosen[a[0]-'A'], chosen[b[0]-'A']
		if s.Position(x) < s.Position(y) {
			return -1
		}
		return 1
	})
	c := Candidate{
		Source:   "derived:passages",
		Question: s.Book.Say(d, phrase.Passages, strings.Join(lines, "\n")),
		Answer:   s.Book.Sequence(d, sorted),
		Meta:     s.textMeta(),
	}
	for _, l := range sorted {
		r := chosen[l[0]-'A']
		c.Evidence = append(c.Evidence, r)
		order = append(order, r.Text())
	}
	c.Key = strings.Join(order, "\n")
	return c
}
