package export

import (
	"io"

	"longlora/internal/prompt"
	"longlora/longqa/chat"
	"longlora/schemas"
)

// messages is the layout of chat templates, one JSON object a line: "messages", a list of role and
// content, as TRL, Axolotl (type chat_template) and chat endpoints take it.
type messages struct{}

func (messages) Name() string { return "messages" }

func (messages) About() string {
	return "JSON lines with messages, a list of role and content (TRL, Axolotl, chat templates)"
}

func (messages) Begin(io.Writer) error { return nil }

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

func (messages) Row(w io.Writer, _ int64, e *schemas.Example) error {
	row := struct {
		Messages []message `json:"messages"`
		origin
	}{origin: originOf(e)}
	for _, m := range chat.Messages(e, e.Context) {
		row.Messages = append(row.Messages, message{m.Role.String(), m.Text})
	}
	return line(w, row)
}

func (messages) End(io.Writer) error { return nil }

// origin is what every exported line says of where it is from.
type origin struct {
	ID           string `json:"id"`
	AnswerSource string `json:"answer_source"`
	Licence      string `json:"licence"`
}

func originOf(e *schemas.Example) origin { return origin{e.ID, e.AnswerSource, e.Licence} }

// line writes a value as a line of JSON.
func line(w io.Writer, v any) error {
	if err := encode(w, v); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// shareGPT is the layout of ShareGPT exports, one JSON object a line.
type shareGPT struct{}

func (shareGPT) Name() string { return "sharegpt" }

func (shareGPT) About() string {
	return "JSON lines with conversations, a list of from (system, human, gpt) and value"
}

func (shareGPT) Begin(io.Writer) error { return nil }

func (shareGPT) Row(w io.Writer, _ int64, e *schemas.Example) error {
	type turn struct {
		From  string `json:"from"`
		Value string `json:"value"`
	}
	row := struct {
		Conversations []turn `json:"conversations"`
		origin
	}{origin: originOf(e)}
	for _, m := range chat.Messages(e, e.Context) {
		from := map[prompt.Role]string{
			prompt.System: "system", prompt.User: "human", prompt.Assistant: "gpt",
		}[m.Role]
		row.Conversations = append(row.Conversations, turn{from, m.Text})
	}
	return line(w, row)
}

func (shareGPT) End(io.Writer) error { return nil }
