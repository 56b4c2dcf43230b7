package task

import (
	"strings"

	"longlora/longqa/dice"
	"longlora/longqa/material"
	"longlora/longqa/phrase"
)

// needles asks for numbers that sentences scattered over the material give: for one of several
// names, for all numbers of one name, and for the numbers of several names.
type needles struct{}

func (needles) Name() string { return "needles" }

const (
	numberDigits = 7
	singles      = 5 // names with one number
	manifold     = 3 // numbers of the name that has several
	queried      = 3 // names asked for at once
)

// needle is a planted sentence.
type needle struct {
	name, number string
	piece        *material.Piece
}

func (t needles) Propose(s *Scope, d *dice.Dice) []Candidate {
	n := singles + manifold
	places := s.scatter(d, n)
	if places == nil {
		return nil
	}
	names, numbers := s.newNames(d, singles+1, "n"), s.newNumbers(d, n, numberDigits)
	of := append([]string{}, names[:singles]...)
	for range manifold {
		of = append(of, names[singles])
	}
	of = dice.Shuffled(d, of)
	all := make([]needle, n)
	var lines []*material.Piece
	for i := range all {
		p := s.plant(places[i], s.Book.Say(d, phrase.NumberPlant, s.Book.Quote(of[i]), numbers[i]))
		all[i] = needle{of[i], numbers[i], p}
		lines = append(lines, p)
	}
	var found []Candidate
	add := func(c Candidate, evidence []needle) {
		c.Source, c.Plant = "derived:needles", lines
		for _, e := range evidence {
			c.Evidence = append(c.Evidence, planted(e.piece))
		}
		found = append(found, c)
	}
	switch d.Int(3) { // one kind a view: else what is easiest to place would always win
	case 0:
		t.one(s, d, all, names, add)
	case 1:
		t.all(s, d, all, names[singles], add)
	default:
		for range 3 {
			t.several(s, d, all, dice.Shuffled(d, names[:singles])[:queried], add)
		}
	}
	return found
}

// with are the needles of a name, in the view's order.
func with(all []needle, name string) []needle {
	var some []needle
	for _, n := range all {
		if n.name == name {
			some = append(some, n)
		}
	}
	return some
}

func (needles) one(s *Scope, d *dice.Dice, all []needle, names []string,
	add func(Candidate, []needle)) {
	for _, name := range names[:singles] {
		n := with(all, name)
		add(Candidate{
			Key:      s.View.ID + " " + name,
			Question: s.Book.Say(d, phrase.Number, s.Book.Quote(name)),
			Answer:   s.Book.Say(d, phrase.NumberIs, s.Book.Quote(name), n[0].number),
			Meta:     s.textMeta("names", name),
		}, n)
	}
}

func (needles) all(s *Scope, d *dice.Dice, all []needle, name string,
	add func(Candidate, []needle)) {
	some := with(all, name)
	var numbers []string
	for _, n := range some {
		numbers = append(numbers, n.number)
	}
	add(Candidate{
		Key:      s.View.ID + " " + name,
		Question: s.Book.Say(d, phrase.Numbers, s.Book.Quote(name)),
		Answer:   s.Book.Say(d, phrase.NumbersAre, s.Book.Quote(name), s.Book.Join(numbers)),
		Meta:     s.textMeta("names", name),
	}, some)
}

func (needles) several(s *Scope, d *dice.Dice, all []needle, names []string,
	add func(Candidate, []needle)) {
	var pairs []string
	var evidence []needle
	for _, name := range names {
		n := with(all, name)
		pairs, evidence = append(pairs, s.Book.Quote(name)+": "+n[0].number), append(evidence, n...)
	}
	add(Candidate{
		Key:      s.View.ID + " " + strings.Join(names, " "),
		Question: s.Book.Say(d, phrase.NumberEach, s.Book.List(names)),
		Answer:   s.Book.Say(d, phrase.NumberPairs, strings.Join(pairs, "; ")),
		Meta:     s.textMeta("names", strings.Join(names, "\n")),
	}, evidence)
}
