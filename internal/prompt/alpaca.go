package prompt

// alpaca is Stanford Alpaca's template without an input, as LongAlpaca uses it too
// (https://github.com/tatsu-lab/stanford_alpaca, train.py, PROMPT_DICT). Later turns repeat its two
// headings.
type alpaca struct{}

const alpacaSystem = "Below is an instruction that describes a task. " +
	"Write a response that appropriately completes the request."

func (alpaca) Name() string { return "alpaca" }

func (alpaca) Render(messages []Message) []Piece {
	system := alpacaSystem
	if messages[0].Role == System {
		system, messages = messages[0].Text, messages[1:]
	}
	pieces := []Piece{{Kind: Begin}, {Text: system}}
	for _, m := range messages {
		if m.Role == Assistant {
			pieces = append(pieces, Piece{Text: m.Text, Learn: true}, Piece{Kind: End, Learn: true})
			continue
		}
		pieces = append(pieces, Piece{Text: "\n\n### Instruction:\n" + m.Text + "\n\n### Response:\n"})
	}
	return pieces
}
