package task

import (
	"strings"
	"testing"

	"longlora/longqa/dice"
)

// No name is part of another, as riznatril would be of driznatril, in as many as a syllable allows.
func TestNamesApart(t *testing.T) {
	s := scopes(t)["one"]
	for seed := range 20 {
		names := s.newNames(dice.New("names", string(rune('a'+seed))), 400, "l")
		for i, a := range names {
			for k, b := range names {
				if i != k && strings.Contains(a, b) {
					t.Errorf("%s is in %s", b, a)
				}
			}
		}
	}
}
