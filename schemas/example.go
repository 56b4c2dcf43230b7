package schemas

// Span is the half-open range [Start, End) of Unicode code points in a text, as Python slices it.
type Span struct{ Start, End int64 }

// Example is one LongQA row: a question over a long context, its answer, and where the answer
// comes from.
type Example struct {
	ID           string
	DocIDs       []string // the documents in Context
	Genre        string   // book, paper, report, meeting, code, …
	Task         string   // what is asked, as "callers" or "summary"
	Instruction  string   // the question
	Context      string   // the material
	Output       string   // the answer
	Evidence     []Span   // into Context; empty only where the answer is that the context has none
	AnswerSource string   // "gold:<dataset>", "derived:<rule>", "teacher:<model>"
	Licence      string   // SPDX expression over all documents
	NTokens      int32    // tokens of the context under the dataset's tokenizer
	Split        string   // train, validation or test
	// QuestionFirst says that the rendered prompt puts the question before the material.
	QuestionFirst bool
	Meta          map[string]string // what a checker needs beside the row's texts
}
