package export

import (
	"io"

	"longlora/longqa/chat"
	"longlora/schemas"
)

// alpaca is the layout of Stanford Alpaca's alpaca_data.json: one JSON array of objects with
// instruction, input, which is the material, and output. It holds one turn; where there is a system
// message, it stands in system, as Axolotl (type alpaca_w_system) takes it. Readers of the layout
// put the question before the material, whatever the row says.
type alpaca struct{ array }

func (alpaca) Name() string { return "alpaca" }

func (alpaca) About() string {
	return "a JSON array of objects with instruction, input (the material) and output"
}

func (alpaca) Row(w io.Writer, n int64, e *schemas.Example) error {
	if len(e.Turns) > 0 {
		return Unfit("several-turns")
	}
	return element(w, n, struct {
		System      string `json:"system,omitempty"`
		Instruction string `json:"instruction"`
		Input       string `json:"input"`
		Output      string `json:"output"`
		origin
	}{e.Meta[chat.MetaSystem], e.Instruction, e.Context, e.Output, originOf(e)})
}
