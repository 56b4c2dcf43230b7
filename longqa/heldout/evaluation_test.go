package heldout

import (
	"strings"
	"testing"

	"longlora/pipeline/decontaminate"
	"longlora/schemas"
)

func TestEvaluation(t *testing.T) {
	x, err := decontaminate.NewIndex(decontaminate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	x.Add(decontaminate.Item{ID: "bench:1", Queries: []string{long}, Answers: []string{answer}})
	v := Evaluation{Index: x}
	derived := row(Train, long, "a", "context")
	derived.AnswerSource = "derived:words"
	turns := row(Train, "q", "a", "context")
	turns.Turns = []schemas.Turn{{Question: strings.ToUpper(long), Answer: "b"}}
	for _, c := range []struct {
		name string
		row  *schemas.Example
		want bool
	}{
		{"in a context", row(Train, "q", "a", "before "+long), true},
		{"in the same context again", row(Train, "q2", "a", "before "+long), true},
		{"nowhere", row(Train, "q", "a", "context"), false},
		{"in an answer", row(Train, "q", answer, "context"), true},
		{"in a question", row(Train, long, "a", "context"), true},
		{"in a derived question", derived, false},
		{"in a further question", turns, true},
		{"in a context that is held out", row("test", "q", "a", long), false},
	} {
		if hit := v.HitRow(c.row); (hit != "") != c.want || c.want && !strings.Contains(hit, "bench:1") {
			t.Errorf("%s: %q, want a hit: %v", c.name, hit, c.want)
		}
	}
	none := Evaluation{}
	if hit := none.HitRow(row(Train, long, answer, long)); hit != "" {
		t.Errorf("without evaluation sets: %q", hit)
	}
	if !strings.Contains(v.Text("rows"), "of one of 1 evaluation items") ||
		!strings.Contains(none.Text("rows"), "--decontaminate") {
		t.Errorf("%s %s", v.Text("rows"), none.Text("rows"))
	}
}
