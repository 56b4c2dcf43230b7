package task

import (
	"longlora/longqa/dice"
	"longlora/longqa/material"
	"longlora/longqa/phrase"
)

// passKey asks for a key that is hidden once in the material.
type passKey struct{}

func (passKey) Name() string { return "passkey" }

const passKeyDigits = 5

func (passKey) Propose(s *Scope, d *dice.Dice) []Candidate {
	var found []Candidate
	for range proposals / 2 {
		places := s.scatter(d, 1)
		if places == nil {
			return nil
		}
		key := s.newNumbers(d, 1, passKeyDigits)[0]
		p := s.plant(places[0], s.Book.Say(d, phrase.PassKeyPlant, key))
		found = append(found, Candidate{
			Key: s.View.ID, Source: "derived:passkey", // once a view
			Question: s.Book.Say(d, phrase.PassKey), Answer: s.Book.Say(d, phrase.PassKeyIs, key),
			Evidence: []material.Range{planted(p)}, Plant: []*material.Piece{p},
			Meta: s.textMeta(),
		})
	}
	return found
}
