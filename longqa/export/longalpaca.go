package export

import (
	"io"

	"longlora/longqa/chat"
	"longlora/schemas"
)

// longAlpaca is the layout of LongAlpaca-12k: one JSON array of objects with instruction, which
// holds the material too, and output. It holds one turn.
type longAlpaca struct{ array }

func (longAlpaca) Name() string { return "longalpaca" }

func (longAlpaca) About() string {
	return "a JSON array of objects with instruction (question and material) and output"
}

func (longAlpaca) Row(w io.Writer, n int64, e *schemas.Example) error {
	if len(e.Turns) > 0 {
		return Unfit("several-turns")
	}
	if e.Meta[chat.MetaSystem] != "" {
		return Unfit("system-message")
	}
	return element(w, n, struct {
		Instruction string `json:"instruction"`
		Output      string `json:"output"`
		origin
	}{chat.Messages(e, e.Context)[0].Text, e.Output, originOf(e)})
}
