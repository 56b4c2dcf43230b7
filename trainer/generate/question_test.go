package generate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"longlora/internal/defaults"
	"longlora/internal/prompt"
	"longlora/schemas"
)

func lined(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "line %d says %d\n", i, i*i)
	}
	return b.String()
}

func TestAskerCutsTheMiddle(t *testing.T) {
	tok, err := defaults.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	for _, first := range []bool{true, false} {
		e := &schemas.Example{Instruction: "What is it?", Context: lined(400), QuestionFirst: first}
		whole := &Asker{Tokenizer: tok, Template: prompt.Default(), Limit: 1 << 20}
		all, err := whole.Prompt(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, limit := range []int{len(all), len(all) - 1, len(all) / 2, 100} {
			a := &Asker{Tokenizer: tok, Template: prompt.Default(), Limit: limit, OverLength: MiddleOut}
			ids, err := a.Prompt(e)
			if err != nil {
				t.Fatal(err)
			}
			if len(ids) > limit || len(ids) < limit-20 { // the ends may join in other tokens
				t.Errorf("limit %d: %d tokens", limit, len(ids))
			}
			text, err := tok.Decode(ids, true)
			if err != nil {
				t.Fatal(err)
			}
			if limit == len(all) {
				if !slices.Equal(ids, all) {
					t.Errorf("limit %d: a prompt that fits was changed", limit)
				}
				continue
			}
			for _, want := range []string{"What is it?", "line 0 says 0", "line 399 says", omission} {
				if !strings.Contains(text, want) {
					t.Errorf("limit %d: %q is not in the prompt", limit, want)
				}
			}
			if limit < len(all)/2+1 && strings.Contains(text, "line 200 says") {
				t.Errorf("limit %d: the middle is in the prompt", limit)
			}
		}
	}
}

func TestAskerOverLength(t *testing.T) {
	tok, err := defaults.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	e := &schemas.Example{Instruction: "What is it?", Context: lined(400)}
	a := &Asker{Tokenizer: tok, Template: prompt.Default(), Limit: 100, OverLength: Skip}
	if ids, err := a.Prompt(e); ids != nil || err != nil {
		t.Errorf("skip: got %d ids, %v", len(ids), err)
	}
	a.OverLength = Fail
	if _, err := a.Prompt(e); err == nil || !strings.Contains(err.Error(), "there is room for 100") {
		t.Errorf("error: got %v", err)
	}
	a.OverLength, a.Limit = MiddleOut, 10
	if _, err := a.Prompt(e); err == nil || !strings.Contains(err.Error(), "the question alone") {
		t.Errorf("middle-out of a long question: got %v", err)
	}
}

func TestStops(t *testing.T) {
	tok, err := defaults.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	eos, _ := tok.EOS()
	if got, err := Stops(tok, prompt.Default()); err != nil || !slices.Equal(got, []int32{eos}) {
		t.Errorf("got %v, %v; want EOS %d", got, err, eos)
	}
	chat, err := prompt.Find("chatml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Stops(tok, chat); err == nil {
		t.Error("a template whose tokens the tokenizer lacks is taken")
	}
}
