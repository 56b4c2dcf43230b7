package generate

import (
	"fmt"

	"longlora/internal/prompt"
	"longlora/internal/tokenizer"
	"longlora/schemas"
)

// OverLength says what becomes of a question whose material is longer than the model reads.
type OverLength string

// The policies. None looks at the evidence.
const (
	// MiddleOut leaves out the middle of the material.
	MiddleOut OverLength = "middle-out"
	// Skip leaves out the question.
	Skip OverLength = "skip"
	// Fail is an error.
	Fail OverLength = "error"
)

// omission stands where the middle was.
const omission = "\n[...]\n"

// Asker renders questions over long materials as prompts.
type Asker struct {
	Tokenizer *tokenizer.Tokenizer
	Template  prompt.Template
	// Limit is the greatest number of tokens of a prompt.
	Limit      int
	OverLength OverLength
}

// Prompt returns the ids of a question up to where the answer begins; nil if it is skipped.
func (a *Asker) Prompt(e *schemas.Example) ([]int32, error) {
	ids, err := a.render(e, e.Context)
	if err != nil || len(ids) <= a.Limit {
		return ids, err
	}
	switch a.OverLength {
	case Skip:
		return nil, nil
	case Fail:
		return nil, fmt.Errorf("the prompt has %d tokens, there is room for %d", len(ids), a.Limit)
	}
	return a.middleOut(e, len(ids))
}

// middleOut cuts as many tokens out of the material as the prompt has too many, and some more if
// its ends tokenize to more than they did.
func (a *Asker) middleOut(e *schemas.Example, size int) ([]int32, error) {
	_, offsets := a.Tokenizer.EncodeOffsets(e.Context, false)
	keep := len(offsets)
	for {
		if keep -= size - a.Limit; keep < 2 {
			return nil, fmt.Errorf("the question alone is longer than the %d tokens that there is room "+
				"for", a.Limit)
		}
		head := offsets[keep/2-1].End
		tail := offsets[len(offsets)-(keep-keep/2)].Start
		ids, err := a.render(e, e.Context[:head]+omission+e.Context[tail:])
		if err != nil || len(ids) <= a.Limit {
			return ids, err
		}
		size = len(ids)
	}
}

func (a *Asker) render(e *schemas.Example, material string) ([]int32, error) {
	encoded, err := prompt.Encode(a.Tokenizer, a.Template, []prompt.Message{
		{Role: prompt.User, Text: prompt.Question(e.Instruction, material, e.QuestionFirst)},
	})
	return encoded.IDs, err
}

// Stops returns the tokens that end an answer of a template: what it teaches a model to say last.
func Stops(t *tokenizer.Tokenizer, template prompt.Template) ([]int32, error) {
	e, err := prompt.Encode(t, template, []prompt.Message{
		{Role: prompt.User, Text: "question"}, {Role: prompt.Assistant, Text: "answer"},
	})
	if err != nil {
		return nil, err
	}
	last := e.Learn[len(e.Learn)-1]
	return []int32{e.IDs[last.End-1]}, nil
}
