package prompt

import "strings"

// llama3 is the template of LLaMA-3 instruct
// (https://github.com/meta-llama/llama3, llama/tokenizer.py, ChatFormat).
type llama3 struct{}

func (llama3) Name() string { return "llama-3" }

func (llama3) Render(messages []Message) []Piece {
	pieces := []Piece{{Kind: Begin}}
	head := func(r Role) {
		pieces = append(pieces, Piece{Kind: Token, Text: "<|start_header_id|>"}, Piece{Text: r.String()},
			Piece{Kind: Token, Text: "<|end_header_id|>"}, Piece{Text: "\n\n"})
	}
	for _, m := range messages {
		head(m.Role)
		learn := m.Role == Assistant
		pieces = append(pieces, Piece{Text: strings.TrimSpace(m.Text), Learn: learn},
			Piece{Kind: Token, Text: "<|eot_id|>", Learn: learn})
	}
	if messages[len(messages)-1].Role != Assistant {
		head(Assistant)
	}
	return pieces
}
