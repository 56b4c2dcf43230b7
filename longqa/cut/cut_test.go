package cut

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"longlora/internal/defaults"
	"longlora/internal/tokenizer"
	"longlora/longqa/dice"
	"longlora/schemas"
)

func defaultTokenizer(t *testing.T) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := defaults.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// material has n different lines, some of them with characters of several bytes.
func material(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "line %d %s\n", i, strings.Repeat("é wort ", i%7))
	}
	return b.String()
}

// Whatever is cut, the evidence stays, whole lines stay whole and in order, and the budget holds.
func TestCut(t *testing.T) {
	tok := defaultTokenizer(t)
	c, d := New(tok), dice.New("cut test")
	text := material(300)
	lines := c.Lines(text)
	chars := []rune(text)
	cut := 0
	for range 300 {
		var evidence []schemas.Span
		for range 1 + d.Int(4) {
			start := int64(d.Int(len(chars) - 200))
			evidence = append(evidence, schemas.Span{Start: start, End: start + 1 + int64(d.Int(199))})
		}
		budget := 300 + d.Int(3000)
		got, moved, err := c.Cut(lines, evidence, budget, d.Float())
		if _, ok := errors.AsType[TooLong](err); ok {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		cut++
		out := []rune(got)
		for i, s := range evidence {
			want := string(chars[s.Start:s.End])
			if have := string(out[moved[i].Start:moved[i].End]); have != want {
				t.Errorf("evidence %q became %q", want, have)
			}
		}
		// An omission stands before a line or at the end; its tokens are counted for two gaps or for
		// every gap, so the budget holds but for merges across lines, of which the splitter has none.
		if n := len(tok.Encode(nil, got, false)); n > budget+len(evidence)*2 {
			t.Errorf("%d tokens for a budget of %d", n, budget)
		}
		rest := text
		for line := range strings.Lines(got) {
			if line == omission {
				continue
			}
			_, after, found := strings.Cut(rest, line)
			if !found {
				t.Fatalf("line %q is none of the material's, or out of order", line)
			}
			rest = after
		}
	}
	if cut < 200 {
		t.Errorf("%d of 300 were cut, want most", cut)
	}
}

// One piece of evidence gets a run of lines around it that uses the budget, at the drawn place.
func TestCutPlaces(t *testing.T) {
	tok := defaultTokenizer(t)
	c := New(tok)
	text := material(300)
	at := strings.Index(text, "line 150")
	start := int64(len([]rune(text[:at])))
	lines := c.Lines(text)
	last := int64(-1)
	for _, draw := range []float64{0, 0.5, 0.99} {
		got, moved, err := c.Cut(lines, []schemas.Span{{Start: start, End: start + 8}}, 800, draw)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(got, omission) != 2 {
			t.Errorf("%d omissions, want one before and one after", strings.Count(got, omission))
		}
		if n := len(tok.Encode(nil, got, false)); n < 700 {
			t.Errorf("%d tokens of a budget of 800", n)
		}
		if moved[0].Start <= last {
			t.Errorf("with draw %g the evidence is at %d, not after %d", draw, moved[0].Start, last)
		}
		last = moved[0].Start
	}
}

func TestCutRefuses(t *testing.T) {
	c := New(defaultTokenizer(t))
	text := material(100)
	lines := c.Lines(text)
	whole := schemas.Span{End: int64(len([]rune(text)))}
	_, _, err := c.Cut(lines, []schemas.Span{whole}, 50, 0)
	long, ok := errors.AsType[TooLong](err)
	if !ok || long.Room != 50 || long.Need != lines.Total {
		t.Errorf("got %v, want that the evidence is too long", err)
	}
	for _, bad := range []schemas.Span{
		{Start: -1, End: 3}, {Start: 5, End: 5}, {Start: 0, End: whole.End + 1},
	} {
		if _, _, err := c.Cut(lines, []schemas.Span{bad}, 1000, 0); err == nil {
			t.Errorf("evidence %v was accepted", bad)
		}
	}
	got, _, err := c.Cut(lines, nil, 200, 0.5)
	if err != nil || len(got) < 100 {
		t.Errorf("without evidence: %q, %v", got, err)
	}
}
