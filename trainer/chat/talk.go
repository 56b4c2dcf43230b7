package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"longlora/internal/prompt"
	"longlora/internal/tokenizer"
	"longlora/trainer/generate"
)

// Talk turns conversations into the token ids that a model continues. It may be used concurrently.
type Talk struct {
	tokenizer *tokenizer.Tokenizer
	model     *Template       // the model's own, or
	named     prompt.Template // one of package prompt
	stops     []int32
}

// Own is the name that stands for the model's own template.
const Own = "own"

// NewTalk returns the Talk of a model's folder. name is Own, the name of one of package prompt's
// templates, or "": the model's own if it has one, else the default. eos are the tokens that end
// the model's texts.
func NewTalk(fsys fs.FS, tok *tokenizer.Tokenizer, name string, eos []int32) (*Talk, error) {
	t := &Talk{tokenizer: tok, stops: slices.Clone(eos)}
	if id, ok := tok.EOS(); ok {
		t.stops = append(t.stops, id)
	}
	var err error
	if name == Own || name == "" {
		if t.model, err = Open(fsys); err == nil || name == Own || !errors.Is(err, ErrNoTemplate) {
			return t, errors.Join(err, t.readStops(fsys))
		}
		name = prompt.Default().Name()
	}
	if t.named, err = prompt.Find(name); err != nil {
		return nil, err
	}
	ends, err := generate.Stops(tok, t.named)
	t.stops = append(t.stops, ends...)
	return t, err
}

// readStops adds what generation_config.json says to end answers: a number or a list.
func (t *Talk) readStops(fsys fs.FS) error {
	data, err := fs.ReadFile(fsys, "generation_config.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var c struct {
		EOS json.RawMessage `json:"eos_token_id"`
	}
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil {
		return fmt.Errorf("generation_config.json: %w", err)
	}
	var one int32
	var many []int32
	if json.Unmarshal(c.EOS, &one) == nil && string(c.EOS) != "null" {
		many = []int32{one}
	} else if len(c.EOS) > 0 && json.Unmarshal(c.EOS, &many) != nil {
		return fmt.Errorf("generation_config.json: eos_token_id is %s", c.EOS)
	}
	t.stops = append(t.stops, many...)
	return nil
}

// Name is the template's, Own for the model's own.
func (t *Talk) Name() string {
	if t.model != nil {
		return Own
	}
	return t.named.Name()
}

// Stops returns the tokens that end an answer.
func (t *Talk) Stops() []int32 { return t.stops }

// Prompt returns the ids of a conversation up to where the answer begins. Contents that are lists
// of texts count as one text; other contents, as pictures, are refused.
func (t *Talk) Prompt(ctx context.Context, r Request) ([]int32, error) {
	messages, err := flatten(r.Messages)
	if err != nil {
		return nil, err
	}
	if t.model == nil {
		return t.byName(messages, r)
	}
	if r.Messages, err = json.Marshal(messages); err != nil {
		return nil, err
	}
	text, err := t.model.Render(ctx, r)
	if err != nil {
		return nil, err
	}
	return t.tokenizer.Encode(nil, text, false), nil
}

// byName renders with one of package prompt's templates.
func (t *Talk) byName(messages []map[string]json.RawMessage, r Request) ([]int32, error) {
	if len(r.Tools) > 0 && string(r.Tools) != "null" && string(r.Tools) != "[]" {
		return nil, fmt.Errorf("the template %s knows no tools", t.named.Name())
	}
	roles := map[string]prompt.Role{"system": prompt.System, "user": prompt.User,
		"assistant": prompt.Assistant, "developer": prompt.System}
	var all []prompt.Message
	for i, m := range messages {
		var role, text string
		if json.Unmarshal(m["role"], &role) != nil || json.Unmarshal(m["content"], &text) != nil {
			return nil, fmt.Errorf("message %d needs role and content", i)
		}
		known, ok := roles[role]
		if !ok {
			return nil, fmt.Errorf("message %d has the role %q, which the template %s does not know", i, role,
				t.named.Name())
		}
		all = append(all, prompt.Message{Role: known, Text: text})
	}
	if n := len(all); n > 0 && all[n-1].Role == prompt.Assistant {
		return nil, errors.New("the last message is the assistant's: there is nothing to answer")
	}
	e, err := prompt.Encode(t.tokenizer, t.named, all)
	return e.IDs, err
}

// flatten reads messages and joins contents that are lists of texts.
func flatten(raw json.RawMessage) ([]map[string]json.RawMessage, error) {
	var messages []map[string]json.RawMessage
	if err := json.Unmarshal(raw, &messages); err != nil {
		return nil, fmt.Errorf("messages: want a list of objects: %w", err)
	}
	if len(messages) == 0 {
		return nil, errors.New("messages: the list is empty")
	}
	for i, m := range messages {
		var parts []struct {
			Type string  `json:"type"`
			Text *string `json:"text"`
		}
		if len(m["content"]) == 0 || m["content"][0] != '[' {
			continue
		}
		if err := json.Unmarshal(m["content"], &parts); err != nil {
			return nil, fmt.Errorf("message %d: content: %w", i, err)
		}
		var text strings.Builder
		for _, p := range parts {
			if p.Type != "text" || p.Text == nil {
				return nil, fmt.Errorf("message %d has a part of type %q; only text is read", i, p.Type)
			}
			text.WriteString(*p.Text)
		}
		joined, err := json.Marshal(text.String())
		if err != nil {
			return nil, err
		}
		m["content"] = joined
	}
	return messages, nil
}
