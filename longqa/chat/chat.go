// Package chat writes examples as conversations: the way from a row to what a model reads.
package chat

import (
	"longlora/internal/prompt"
	"longlora/schemas"
)

// MetaSystem is the key of Meta that holds a conversation's system message.
const MetaSystem = "system"

// Messages is an example's conversation over a material, its context or what is left of it: the
// first question with the material, its answer, and the later turns.
func Messages(e *schemas.Example, material string) []prompt.Message {
	var all []prompt.Message
	if system := e.Meta[MetaSystem]; system != "" {
		all = append(all, prompt.Message{Role: prompt.System, Text: system})
	}
	question := e.Instruction
	if material != "" {
		question = prompt.Question(e.Instruction, material, e.QuestionFirst)
	}
	all = append(all, prompt.Message{Role: prompt.User, Text: question},
		prompt.Message{Role: prompt.Assistant, Text: e.Output})
	for _, t := range e.Turns {
		all = append(all, prompt.Message{Role: prompt.User, Text: t.Question},
			prompt.Message{Role: prompt.Assistant, Text: t.Answer})
	}
	return all
}
