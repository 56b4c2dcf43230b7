package heldout

import (
	"strings"
	"testing"

	"longlora/schemas"
)

const (
	long   = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
	answer = "a b c d e f g h i j k l m n o p"
)

func row(split, question, output, context string) *schemas.Example {
	return &schemas.Example{ID: "r-" + split, Split: split, Instruction: question, Output: output,
		Context: context}
}

func TestGuard(t *testing.T) {
	g := New()
	if w, _ := g.Hit(long); w != "" {
		t.Errorf("an empty guard finds %q", w)
	}
	g.HoldRow(row("test", "Where stands: “"+long+"”?", answer, "any"))
	g.HoldRow(row(Train, "Where stands: “x y z "+strings.ToUpper(answer)+"”?", "no", ""))
	if g.Questions() != 1 {
		t.Errorf("%d questions, want 1", g.Questions())
	}
	turns := row(Train, "x", "y", "")
	turns.Turns = []schemas.Turn{{Question: "q", Answer: "It is " + answer + "."}}
	for name, c := range map[string]struct {
		row  *schemas.Example
		want bool
	}{
		"the question's quotation in a context": {row(Train, "q", "a", "before "+strings.ToUpper(long)),
			true},
		"the answer in a context": {row(Train, "q", "a", "Text.\n"+answer), true},
		"twelve words of it": {row(Train, "q", "a",
			"a b c d e f g h i j k l x m n o p"), false},
		"in the question of a row":              {row(Train, long, "a", "context"), false},
		"in the answer of a row with a context": {row(Train, "q", answer, "context"), false},
		"in the answer of a row without one":    {row(Train, "q", answer, ""), true},
		"in a further answer":                   {turns, true},
	} {
		words, id := g.HitRow(c.row)
		if (words != "") != c.want || c.want && id != "r-test" {
			t.Errorf("%s: %q of %q, want a hit: %v", name, words, id, c.want)
		}
	}
}
