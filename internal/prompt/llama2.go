package prompt

import "strings"

// llama2 is the template of LLaMA-2 chat (https://github.com/meta-llama/llama, generation.py,
// chat_completion): every turn begins with BOS, and the system message is part of the first.
type llama2 struct{}

func (llama2) Name() string { return "llama-2" }

func (llama2) Render(messages []Message) []Piece {
	system := ""
	if messages[0].Role == System {
		system, messages = "<<SYS>>\n"+messages[0].Text+"\n<</SYS>>\n\n", messages[1:]
	}
	var pieces []Piece
	for i, m := range messages {
		text := strings.TrimSpace(m.Text)
		if m.Role == Assistant {
			pieces = append(pieces, Piece{Text: " " + text + " ", Learn: true},
				Piece{Kind: End, Learn: true})
			continue
		}
		if i == 0 {
			text = strings.TrimSpace(system + m.Text)
		}
		pieces = append(pieces, Piece{Kind: Begin}, Piece{Text: "[INST] " + text + " [/INST]"})
	}
	return pieces
}
