package schemas

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// Span is the half-open range [Start, End) of Unicode code points in a text, as Python slices it.
type Span struct {
	Start int64 `parquet:"start" json:"start"`
	End   int64 `parquet:"end" json:"end"`
}

// Example is one LongQA row: a question over a long context, its answer, and where the answer
// comes from.
type Example struct {
	ID string `parquet:"id" json:"id"`
	// DocIDs are the documents in Context, in their order there.
	DocIDs []string `parquet:"doc_ids,list" json:"doc_ids"`
	// Genre is the kind of material: book, paper, report, meeting, code, …
	Genre string `parquet:"genre,dict" json:"genre"`
	// Task is what is asked, as "callers" or "summary".
	Task string `parquet:"task,dict" json:"task"`
	// Instruction is the question, Context the material, Output the answer.
	Instruction string `parquet:"instruction" json:"instruction"`
	Context     string `parquet:"context" json:"context"`
	Output      string `parquet:"output" json:"output"`
	// Evidence lies in Context; it is empty only where the answer is that the context has none.
	Evidence []Span `parquet:"evidence,list" json:"evidence"`
	// AnswerSource is "gold:<dataset>", "derived:<rule>" or "teacher:<model>".
	AnswerSource string `parquet:"answer_source,dict" json:"answer_source"`
	// Licence is an SPDX expression over all documents.
	Licence string `parquet:"licence,dict" json:"licence"`
	// NTokens counts Context under the dataset's tokenizer.
	NTokens int32 `parquet:"n_tokens" json:"n_tokens"`
	// Split is train, validation or test.
	Split string `parquet:"split,dict" json:"split"`
	// QuestionFirst says that a prompt puts the question before the material.
	QuestionFirst bool `parquet:"question_first" json:"question_first"`
	// Turns are what is asked and answered after Output, in order; most rows have none.
	Turns []Turn `parquet:"turns,list" json:"turns"`
	// Meta is what a checker needs beside the row's texts.
	Meta map[string]string `parquet:"meta,json" json:"meta"`
}

// Turn is a later question of a conversation, with its answer.
type Turn struct {
	Question string `parquet:"question" json:"question"`
	Answer   string `parquet:"answer" json:"answer"`
}

// Validate reports the first invariant that the example breaks.
func (e *Example) Validate() error {
	if e.ID == "" {
		return errors.New("an example has no id")
	}
	if e.Licence == "" {
		return fmt.Errorf("example %q has no licence", e.ID)
	}
	for _, text := range []string{e.Instruction, e.Context, e.Output} {
		if !utf8.ValidString(text) {
			return fmt.Errorf("example %q: a text is not UTF-8", e.ID)
		}
	}
	for i, t := range e.Turns {
		if !utf8.ValidString(t.Question) || !utf8.ValidString(t.Answer) {
			return fmt.Errorf("example %q: turns[%d] is not UTF-8", e.ID, i)
		}
	}
	n := int64(utf8.RuneCountInString(e.Context))
	for i, s := range e.Evidence {
		if s.Start < 0 || s.End <= s.Start || s.End > n {
			return fmt.Errorf("example %q: evidence[%d] is [%d, %d), and its context has %d characters",
				e.ID, i, s.Start, s.End, n)
		}
	}
	return nil
}
