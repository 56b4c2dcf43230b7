package prompt

import (
	"errors"
	"fmt"
	"strings"
)

// Role says who speaks.
type Role uint8

// The roles.
const (
	System Role = iota
	User
	Assistant
)

// String is the role's usual name.
func (r Role) String() string { return [...]string{"system", "user", "assistant"}[r] }

// Message is one turn of a conversation.
type Message struct {
	Role Role
	Text string
}

// Kind is what a piece is.
type Kind uint8

// The kinds of pieces.
const (
	Text  Kind = iota // Piece.Text, to be tokenized
	Token             // the one token that is spelled Piece.Text
	Begin             // the tokenizer's BOS; nothing, if it has none
	End               // the tokenizer's EOS
)

// Piece is a part of a rendered conversation.
type Piece struct {
	Kind Kind
	Text string
	// Learn: the loss is taken on it.
	Learn bool
}

// Template renders conversations. Implementations are immutable.
type Template interface {
	// Name is as a command's flag takes it.
	Name() string
	// Render returns the pieces of a valid conversation. If the last message is not the
	// assistant's, they end where its answer begins.
	Render([]Message) []Piece
}

// templates is the table; the first is the default.
var templates = [...]Template{alpaca{}, llama2{}, llama3{}, chatML{}}

// Default is the template for models that know no other, as our own base: it needs no special
// tokens.
func Default() Template { return templates[0] }

// Names lists the templates.
func Names() []string {
	names := make([]string, len(templates))
	for i, t := range templates {
		names[i] = t.Name()
	}
	return names
}

// Find returns the template with a name.
func Find(name string) (Template, error) {
	for _, t := range templates {
		if t.Name() == name {
			return t, nil
		}
	}
	return nil, fmt.Errorf("unknown prompt template %q; there are %s", name,
		strings.Join(Names(), ", "))
}

// Question is the user's message about a material: the question first or after.
func Question(question, material string, first bool) string {
	if first {
		return question + "\n\n" + material
	}
	return strings.TrimRight(material, "\n") + "\n\n" + question
}

// Validate checks a conversation: at most one system message, at the beginning, then user and
// assistant in turn, none of them empty.
func Validate(messages []Message) error {
	rest := messages
	if len(rest) > 0 && rest[0].Role == System {
		rest = rest[1:]
	}
	if len(rest) == 0 {
		return errors.New("prompt: a conversation needs a user's message")
	}
	for i, m := range rest {
		want := User
		if i%2 == 1 {
			want = Assistant
		}
		if m.Role != want {
			return fmt.Errorf("prompt: message %d is the %s's, want the %s's", len(messages)-len(rest)+i,
				m.Role, want)
		}
		if strings.TrimSpace(m.Text) == "" {
			return fmt.Errorf("prompt: message %d of the %s is empty", len(messages)-len(rest)+i, m.Role)
		}
	}
	return nil
}
