package eval

import (
	"context"
	"regexp"
	"strings"
	"testing"
)

func TestPassKey(t *testing.T) {
	tok := trained(t, goText(t)+passTask+passFiller)
	var prompts []string
	find := regexp.MustCompile(`The pass key is (\d{5})\.`)
	p := PassKey{Tokenizer: tok, Trials: 8, Seed: 3}
	p.Generate = func(_ context.Context, ids []int32, n int) ([]int32, error) {
		text, err := tok.Decode(ids, true)
		if err != nil {
			return nil, err
		}
		prompts = append(prompts, text)
		if len(ids)+n > 600 || len(ids)+n < 540 { // one filler is less than 60 tokens
			t.Errorf("prompt of %d tokens and %d for the answer, want close to 600", len(ids), n)
		}
		answer := " " + find.FindStringSubmatch(text)[1] + "0"
		if len(prompts)%2 == 0 {
			answer = " 1" + answer
		}
		return tok.Encode(nil, answer, false)[:n], nil
	}
	got, err := p.Measure(context.Background(), 600)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Recall{Tokens: 600, Trials: 8, Correct: 4, Accuracy: 0.5}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for i, text := range prompts {
		before, _, _ := strings.Cut(text, "The pass key is")
		fillers, all := strings.Count(before, passFiller), strings.Count(text, passFiller)
		if want := int((float64(i)+0.5)/8*float64(all) + 0.5); fillers != want || all < 4 {
			t.Errorf("trial %d: the key stands after %d of %d fillers, want %d", i, fillers, all, want)
		}
		if !strings.HasSuffix(text, "What is the pass key? The pass key is") {
			t.Errorf("trial %d ends with %q", i, text[len(text)-40:])
		}
	}
	if _, err := p.Measure(context.Background(), 60); err == nil ||
		!strings.Contains(err.Error(), "too short") {
		t.Errorf("60 tokens: got %v", err)
	}
}
