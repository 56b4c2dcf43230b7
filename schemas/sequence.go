package schemas

import (
	"errors"
	"fmt"
	"math"
)

// LossSpan is a half-open range [Start, End) of target tokens of a sequence, by index into
// InputIDs. A token is a target if it is to be predicted from those before it in its document, so a
// document's first token is never one.
type LossSpan struct {
	Start int32 `parquet:"start" json:"start"`
	End   int32 `parquet:"end" json:"end"`
}

// DocRef says where one packed document came from.
type DocRef struct {
	// SampleID is a document's or an example's id.
	SampleID string `parquet:"sample_id" json:"sample_id"`
	Source   string `parquet:"source,dict" json:"source"`
	Licence  string `parquet:"licence,dict" json:"licence"`
	// Start and End are the half-open range of the sample's own tokens that the sequence holds.
	Start int64 `parquet:"start" json:"start"`
	End   int64 `parquet:"end" json:"end"`
}

// Sequence is one training row: documents packed one after another without padding.
type Sequence struct {
	InputIDs []int32 `parquet:"input_ids,list" json:"input_ids"`
	// DocLens are the tokens of each document; they sum to len(InputIDs).
	DocLens   []int32    `parquet:"doc_lens,list" json:"doc_lens"`
	LossSpans []LossSpan `parquet:"loss_spans,list" json:"loss_spans"`
	// Docs has one entry a document, as has LossWeights; a step's loss divides by the sum of the
	// weights of its targets.
	Docs        []DocRef  `parquet:"docs,list" json:"docs"`
	LossWeights []float32 `parquet:"loss_weights,list" json:"loss_weights"`
	// NTokens is len(InputIDs).
	NTokens int32 `parquet:"n_tokens" json:"n_tokens"`
}

// Validate reports the first invariant that the sequence breaks. vocab bounds its ids; 0: unbounded.
func (s *Sequence) Validate(vocab int) error {
	if int(s.NTokens) != len(s.InputIDs) {
		return fmt.Errorf("n_tokens %d, but %d input_ids", s.NTokens, len(s.InputIDs))
	}
	if len(s.Docs) != len(s.DocLens) || len(s.LossWeights) != len(s.DocLens) {
		return fmt.Errorf("%d doc_lens, but %d docs and %d loss_weights",
			len(s.DocLens), len(s.Docs), len(s.LossWeights))
	}
	limit := uint32(1 << 31) // exclusive; negative ids are greater as unsigned numbers
	if vocab > 0 {
		limit = uint32(vocab)
	}
	for i, id := range s.InputIDs {
		if uint32(id) >= limit {
			return fmt.Errorf("token %d at %d outside vocabulary %d", id, i, vocab)
		}
	}
	for i, w := range s.LossWeights {
		if !(w >= 0) || math.IsInf(float64(w), 1) {
			return fmt.Errorf("loss_weights[%d] is %v", i, w)
		}
	}
	return s.validateSpans()
}

func (s *Sequence) validateSpans() error {
	var sum int64
	for i, n := range s.DocLens {
		if n <= 0 {
			return fmt.Errorf("doc_lens[%d] is %d", i, n)
		}
		sum += int64(n)
	}
	if sum != int64(s.NTokens) {
		return fmt.Errorf("doc_lens sum to %d, want %d", sum, s.NTokens)
	}
	if len(s.LossSpans) == 0 {
		return errors.New("no loss_spans: the row has no target")
	}
	var before, first int32 // first begins the earliest document that is not before the span
	doc := 0
	for i, span := range s.LossSpans {
		if span.Start < before || span.End <= span.Start || span.End > s.NTokens {
			return fmt.Errorf("loss_spans[%d] is [%d, %d), not in order within %d tokens",
				i, span.Start, span.End, s.NTokens)
		}
		for first < span.Start && doc < len(s.DocLens) {
			first += s.DocLens[doc]
			doc++
		}
		if first < span.End {
			return fmt.Errorf("loss_spans[%d] covers token %d, the first of its document", i, first)
		}
		before = span.End
	}
	return nil
}
