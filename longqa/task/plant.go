package task

import (
	"slices"
	"sort"
	"strconv"
	"strings"

	"longlora/longqa/dice"
	"longlora/longqa/material"
)

// plantable are the pieces of the view that something may be planted before, in order: not the rows
// of a table.
func (s *Scope) plantable() []*material.Piece {
	var all []*material.Piece
	for _, p := range s.View.Pieces() {
		if material.Plantable(p) && !strings.HasPrefix(strings.TrimLeft(p.Text(), " \t\n"), "|") {
			all = append(all, p)
		}
	}
	return all
}

// plant puts a line before a piece: a comment in code, a paragraph in a text.
func (s *Scope) plant(before *material.Piece, line string) *material.Piece {
	t := s.library[before.Document.ID]
	switch {
	case t == nil:
		return material.Plant(before, "\n// "+line+"\n")
	case t.Lines && !strings.HasSuffix(before.Part.Source[:before.Start], "\n\n"):
		return material.Plant(before, line+"\n")
	}
	return material.Plant(before, line+"\n\n")
}

// planted is the range of a planted line.
func planted(p *material.Piece) material.Range {
	r := p.All()
	text := r.Text()
	r.Start += len(text) - len(strings.TrimLeft(text, "\n"))
	r.End -= len(text) - len(strings.TrimRight(text, "\n"))
	return r
}

// scatter draws n places, even over the view's length and in its order; nil if it has none. Several
// may be the same.
func (s *Scope) scatter(d *dice.Dice, n int) []*material.Piece {
	slots := s.plantable()
	if len(slots) == 0 {
		return nil
	}
	at := make([]int, n)
	for i := range at {
		at[i] = int(d.Float() * float64(s.bytes))
	}
	sort.Ints(at)
	places := make([]*material.Piece, n)
	for i, byte := range at {
		j := sort.Search(len(slots), func(j int) bool { return s.begins[slots[j]] >= byte })
		places[i] = slots[min(j, len(slots)-1)]
	}
	return places
}

// syllables make names that no text has.
var syllables = strings.Fields("ba ce di fo gu ha je ki lo mu na pe ri so tu va we xi yo zu bra cle dri " +
	"fro gru pla ste tri vro zna")

// newNames draws n names that the view does not contain. They end in a letter of the task's own, so
// that the names of different tasks are different.
func (s *Scope) newNames(d *dice.Dice, n int, end string) []string {
	return s.draw(n, func() string {
		var name string
		for range 3 {
			name += dice.Pick(d, syllables)
		}
		return name + end
	})
}

// newNumbers draws n numbers with some digits that the view does not contain.
func (s *Scope) newNumbers(d *dice.Dice, n, digits int) []string {
	return s.draw(n, func() string {
		number := strconv.Itoa(1 + d.Int(9))
		for range digits - 1 {
			number += strconv.Itoa(d.Int(10))
		}
		return number
	})
}

// draw collects n texts that the view does not contain, of which none is in another.
func (s *Scope) draw(n int, next func() string) []string {
	var all []string
	for len(all) < n {
		name := next()
		within := slices.ContainsFunc(all, func(other string) bool {
			return strings.Contains(other, name) || strings.Contains(name, other)
		})
		if !within && !s.contains(name) && !s.contains(strings.ToUpper(name)) {
			all = append(all, name)
		}
	}
	return all
}
