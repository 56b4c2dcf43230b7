package schemas

import (
	"math"
	"strings"
	"testing"
)

func TestDocumentValidate(t *testing.T) {
	good := Document{DocID: "a", Licence: "MIT", Text: "caf\u00e9"}
	good.Seal()
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	// printf 'caf\u00e9' | sha256sum
	const sum = "850f7dc43910ff890f8879c0ed26fe697c93a067ad93a7d50f466a7028a9bf4e"
	if good.NChars != 4 || good.SHA256 != sum {
		t.Errorf("sealed with %d characters and %s, want 4 and %s", good.NChars, good.SHA256, sum)
	}
	for want, change := range map[string]func(*Document){
		"no doc_id":      func(d *Document) { d.DocID = "" },
		"no licence":     func(d *Document) { d.Licence = "" },
		"not UTF-8":      func(d *Document) { d.Text = "\xff" },
		"n_chars is 5":   func(d *Document) { d.NChars = 5 },
		"sha256 is 0000": func(d *Document) { d.SHA256 = "0000" },
	} {
		d := good
		change(&d)
		if err := d.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestExampleValidate(t *testing.T) {
	good := Example{
		ID: "a", Licence: "MIT", Context: "caf\u00e9 noir",
		Evidence: []Span{{Start: 5, End: 9}, {Start: 0, End: 4}},
	}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*Example){
		"no id":                  func(e *Example) { e.ID = "" },
		"no licence":             func(e *Example) { e.Licence = "" },
		"not UTF-8":              func(e *Example) { e.Output = "\xff" },
		"evidence[0] is [5, 10)": func(e *Example) { e.Evidence = []Span{{Start: 5, End: 10}} },
		"evidence[0] is [3, 3)":  func(e *Example) { e.Evidence = []Span{{Start: 3, End: 3}} },
	} {
		e := good
		change(&e)
		if err := e.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestSequenceValidate(t *testing.T) {
	sequence := func() Sequence {
		return Sequence{
			InputIDs: []int32{5, 6, 7, 8, 9}, DocLens: []int32{3, 2},
			LossSpans: []LossSpan{{Start: 1, End: 3}, {Start: 4, End: 5}},
			Docs:      make([]DocRef, 2), LossWeights: make([]float32, 2), NTokens: 5,
		}
	}
	good := sequence()
	if err := good.Validate(10); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*Sequence){
		"n_tokens 4":                     func(s *Sequence) { s.NTokens = 4 },
		"1 docs":                         func(s *Sequence) { s.Docs = s.Docs[:1] },
		"1 loss_weights":                 func(s *Sequence) { s.LossWeights = s.LossWeights[:1] },
		"token 10 at 2 outside":          func(s *Sequence) { s.InputIDs[2] = 10 },
		"token -1 at 0 outside":          func(s *Sequence) { s.InputIDs[0] = -1 },
		"doc_lens[1] is 0":               func(s *Sequence) { s.DocLens[1] = 0 },
		"doc_lens sum to 6, want 5":      func(s *Sequence) { s.DocLens[1] = 3 },
		"loss_spans[1] is [2, 5)":        func(s *Sequence) { s.LossSpans[1].Start = 2 },
		"loss_spans[0] is [2, 2)":        func(s *Sequence) { s.LossSpans[0] = LossSpan{2, 2} },
		"loss_spans[1] is [4, 6)":        func(s *Sequence) { s.LossSpans[1].End = 6 },
		"loss_spans[1] covers token 3":   func(s *Sequence) { s.LossSpans[1].Start = 3 },
		"loss_spans[0] covers token 0, ": func(s *Sequence) { s.LossSpans[0].Start = 0 },
		"no loss_spans":                  func(s *Sequence) { s.LossSpans = nil },
		"loss_weights[1] is NaN":         func(s *Sequence) { s.LossWeights[1] = float32(math.NaN()) },
		"loss_weights[0] is -1":          func(s *Sequence) { s.LossWeights[0] = -1 },
		"doc_lens sum to 4294967301": func(s *Sequence) {
			s.DocLens = []int32{3, math.MaxInt32, math.MaxInt32, 4}
			s.Docs, s.LossWeights = make([]DocRef, 4), make([]float32, 4)
		},
	} {
		s := sequence()
		change(&s)
		if err := s.Validate(10); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	s := sequence()
	s.InputIDs[2] = 1 << 30
	if err := s.Validate(0); err != nil {
		t.Errorf("an unbounded vocabulary: %v", err)
	}
}
