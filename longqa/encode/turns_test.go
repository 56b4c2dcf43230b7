package encode

import (
	"strings"
	"testing"

	"longlora/schemas"
)

// Every answer of a conversation is learned, with its end, and nothing else; a context that is cut
// keeps all turns, the system message too.
func TestTurns(t *testing.T) {
	var rows []schemas.Example
	for i, lines := range []int{4, 200} {
		e := example(i, lines)
		e.Turns = []schemas.Turn{
			{Question: "Is it sure?", Answer: "Quite sure."}, {Question: "Why?", Answer: "It is written."},
		}
		e.Meta["system"] = "Answer in one sentence."
		rows = append(rows, e)
	}
	short := schemas.Example{
		ID: "short", DocIDs: []string{"d"}, Genre: "short", Task: "instruction", Licence: "MIT",
		AnswerSource: "gold:x", Split: "train", Instruction: "Name a colour.", Output: "Red.",
	}
	o := options(t, dataset(t, append(rows, short)...))
	all, r := sequences(t, o)
	if len(all) != 3 || r.Cut != 1 {
		t.Fatalf("%d sequences, report %+v", len(all), r)
	}
	const end = "<|end_of_text|>"
	for i, s := range all {
		learned := ""
		for _, l := range s.LossSpans {
			learned += decode(t, o.Tokenizer, s.InputIDs[l.Start:l.End])
		}
		want := "Red." + end
		if i < 2 {
			want = rows[i].Output + end + "Quite sure." + end + "It is written." + end
			text := decode(t, o.Tokenizer, s.InputIDs)
			if !strings.Contains(text, "Answer in one sentence.") || !strings.Contains(text, "Is it sure?") {
				t.Errorf("row %d lost a turn: %s", i, text)
			}
		}
		if learned != want {
			t.Errorf("row %d learns %q, want %q", i, learned, want)
		}
	}
}
