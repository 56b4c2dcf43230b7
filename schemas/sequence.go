package schemas

// LossSpan is a half-open range [Start, End) of target tokens of a sequence, by index into
// InputIDs. A token is a target if it is to be predicted from those before it in its document, so a
// document's first token is never one.
type LossSpan struct{ Start, End int32 }

// DocRef says where one packed document came from.
type DocRef struct {
	SampleID string // document or example id
	Source   string
	Licence  string
	Start    int64 // half-open range of tokens of the sample's own token sequence
	End      int64
}

// Sequence is one training row: documents packed one after another without padding.
type Sequence struct {
	InputIDs    []int32
	DocLens     []int32 // tokens of each document; they sum to len(InputIDs)
	LossSpans   []LossSpan
	Docs        []DocRef  // one a document
	LossWeights []float32 // one a document; a step's loss divides by the sum of weights
	NTokens     int32     // len(InputIDs)
}
