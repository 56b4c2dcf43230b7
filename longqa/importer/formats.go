package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"longlora/internal/prompt"
)

// messages is the layout of chat endpoints: "messages", a list of role and content.
type messages struct{}

func (messages) Name() string { return "messages" }

func (messages) About() string {
	return "conversations as messages with role (system, user, assistant) and content"
}

func (messages) Conversation(row map[string]json.RawMessage) ([]prompt.Message, error) {
	return conversation(row, "messages", "role", "content")
}

// shareGPT is the layout of ShareGPT exports: "conversations", a list of from and value.
type shareGPT struct{}

func (shareGPT) Name() string { return "sharegpt" }

func (shareGPT) About() string {
	return "conversations with from (system, human, gpt) and value, as ShareGPT exports have them"
}

func (shareGPT) Conversation(row map[string]json.RawMessage) ([]prompt.Message, error) {
	turns, err := conversation(row, "conversations", "from", "value")
	if err != nil || len(turns) == 0 || turns[0].Role == prompt.System {
		return turns, err
	}
	system, err := textField(row, "system")
	if system != "" {
		turns = append([]prompt.Message{{Role: prompt.System, Text: system}}, turns...)
	}
	return turns, err
}

// roles are the names that files give the roles.
var roles = map[string]prompt.Role{
	"system": prompt.System, "user": prompt.User, "human": prompt.User, "assistant": prompt.Assistant,
	"gpt": prompt.Assistant, "model": prompt.Assistant, "chatgpt": prompt.Assistant,
	"bot": prompt.Assistant,
}

func conversation(row map[string]json.RawMessage, list,
	who, what string) ([]prompt.Message, error) {
	raw, ok := row[list]
	if !ok {
		return nil, fmt.Errorf("no field %s", list)
	}
	var turns []map[string]json.RawMessage
	if err := json.Unmarshal(raw, &turns); err != nil {
		return nil, fmt.Errorf("the field %s is no list of objects", list)
	}
	var all []prompt.Message
	for i, t := range turns {
		name, err := textField(t, who)
		if err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", list, i, err)
		}
		role, ok := roles[strings.ToLower(name)]
		if !ok {
			return nil, fmt.Errorf("%s[%d]: the role %q is none of system, user, assistant", list, i, name)
		}
		text, err := content(t[what])
		if err != nil {
			return nil, fmt.Errorf("%s[%d].%s: %w", list, i, what, err)
		}
		all = append(all, prompt.Message{Role: role, Text: text})
	}
	return all, nil
}

// content is a message's text: a string, or a list of parts of which all are text.
func content(raw json.RawMessage) (string, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, nil
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil || len(parts) == 0 {
		return "", errors.New("no text")
	}
	var b strings.Builder
	for _, p := range parts {
		if p.Type != "text" {
			return "", fmt.Errorf("a part of type %q, only text is read", p.Type)
		}
		b.WriteString(p.Text)
	}
	return b.String(), nil
}

// alpaca is the layout of Stanford Alpaca: instruction, input (or a context of its own field),
// output; history, a list of pairs, holds the turns before.
type alpaca struct{}

func (alpaca) Name() string { return "alpaca" }

func (alpaca) About() string {
	return "objects with instruction, input, output and, where there were turns before, history"
}

// material is the field that holds it where it is long.
func (alpaca) material() string { return "input" }

func (alpaca) Conversation(row map[string]json.RawMessage) ([]prompt.Message, error) {
	var all []prompt.Message
	text := map[string]string{}
	for _, name := range []string{"system", "instruction", "input", "output"} {
		var err error
		if text[name], err = textField(row, name); err != nil {
			return nil, err
		}
	}
	if text["instruction"] == "" && text["input"] == "" {
		return nil, errors.New("no field instruction")
	}
	if text["system"] != "" {
		all = append(all, prompt.Message{Role: prompt.System, Text: text["system"]})
	}
	var history [][2]string
	if raw, ok := row["history"]; ok && string(raw) != "null" {
		if err := json.Unmarshal(raw, &history); err != nil {
			return nil, errors.New("the field history is no list of pairs")
		}
	}
	for _, h := range history {
		all = append(all, prompt.Message{Role: prompt.User, Text: h[0]},
			prompt.Message{Role: prompt.Assistant, Text: h[1]})
	}
	question := text["instruction"]
	if input := strings.TrimSpace(text["input"]); input != "" {
		question = strings.TrimSpace(question + "\n\n" + input)
	}
	return append(all, prompt.Message{Role: prompt.User, Text: question},
		prompt.Message{Role: prompt.Assistant, Text: text["output"]}), nil
}
