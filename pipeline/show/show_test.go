package show

import (
	"errors"
	"strings"
	"testing"

	"longlora/internal/defaults"
	"longlora/internal/tokenizer"
	"longlora/schemas"
)

// sequence packs texts; of each, tokens from the given place on are targets.
func sequence(t *testing.T, tok *tokenizer.Tokenizer, texts []string, from []int32) *schemas.Sequence {
	t.Helper()
	s := &schemas.Sequence{}
	for i, text := range texts {
		ids := tok.Encode(nil, text, false)
		at, n := int32(len(s.InputIDs)), int32(len(ids))
		s.InputIDs = append(s.InputIDs, ids...)
		s.DocLens = append(s.DocLens, n)
		s.LossSpans = append(s.LossSpans, schemas.LossSpan{Start: at + from[i], End: at + n})
		s.Docs = append(s.Docs, schemas.DocRef{
			SampleID: "id " + text[:1], Source: "src", Licence: "MIT", Start: 5, End: 5 + int64(n),
		})
		s.LossWeights = append(s.LossWeights, 0.5)
	}
	s.NTokens = int32(len(s.InputIDs))
	return s
}

func open(t *testing.T) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := defaults.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestPlain(t *testing.T) {
	tok := open(t)
	s := sequence(t, tok, []string{"package main", "func x()\x1b[2J"}, []int32{1, 2})
	var w strings.Builder
	if err := Sequence(&w, tok, s, Options{}); err != nil {
		t.Fatal(err)
	}
	got := w.String()
	for _, want := range []string{
		"── document 1 of 2: id p · src · MIT · its tokens [5, ", " · weight 0.5\n", "── document 2 of 2: id f",
		"⟦",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q has no %q", got, want)
		}
	}
	if strings.Contains(got, "\x1b") {
		t.Errorf("%q sends control characters to a terminal", got)
	}
	// without marks and headings the texts are whole
	var texts []string
	for _, line := range strings.Split(got, "\n") {
		if line != "" && !strings.HasPrefix(line, "──") {
			texts = append(texts, strings.NewReplacer("⟦", "", "⟧", "").Replace(line))
		}
	}
	if want := "package main|func x()\ufffd[2J"; strings.Join(texts, "|") != want {
		t.Errorf("the texts are %q, want %q", texts, want)
	}
}

func TestColour(t *testing.T) {
	tok := open(t)
	s := sequence(t, tok, []string{"package main", "func x()"}, []int32{1, 1})
	var w strings.Builder
	if err := Sequence(&w, tok, s, Options{Colour: true}); err != nil {
		t.Fatal(err)
	}
	got := w.String()
	for _, want := range []string{"\x1b[32m", "\x1b[2;32m", "\x1b[36m", "\x1b[2;36m"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q has no %q", got, want)
		}
	}
	if strings.ContainsAny(got, "⟦⟧") || strings.Count(got, reset) != strings.Count(got, "\x1b[")/2 {
		t.Errorf("%q: marks, or a colour that goes on", got)
	}
}

func TestWriteErrorEnds(t *testing.T) {
	tok := open(t)
	s := sequence(t, tok, []string{"package main"}, []int32{1})
	if err := Sequence(full{}, tok, s, Options{}); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
	s.InputIDs[1] = 1 << 30
	if err := Sequence(&strings.Builder{}, tok, s, Options{}); err == nil ||
		!strings.Contains(err.Error(), "show: tokens [") {
		t.Errorf("an unknown token: %v", err)
	}
}

type full struct{}

var errFull = errors.New("full")

func (full) Write([]byte) (int, error) { return 0, errFull }
