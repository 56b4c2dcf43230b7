package prompt

// chatML is the template of ChatML
// (https://github.com/openai/openai-python/blob/v0.28.1/chatml.md), as Qwen and many others use it,
// without a system message of its own.
type chatML struct{}

func (chatML) Name() string { return "chatml" }

func (chatML) Render(messages []Message) []Piece {
	var pieces []Piece
	head := func(r Role) {
		pieces = append(pieces, Piece{Kind: Token, Text: "<|im_start|>"}, Piece{Text: r.String() + "\n"})
	}
	for _, m := range messages {
		head(m.Role)
		learn := m.Role == Assistant
		pieces = append(pieces, Piece{Text: m.Text, Learn: learn},
			Piece{Kind: Token, Text: "<|im_end|>", Learn: learn}, Piece{Text: "\n"})
	}
	if messages[len(messages)-1].Role != Assistant {
		head(Assistant)
	}
	return pieces
}
