package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"

	"longlora/trainer/hf"
)

// Command is the argument with which the program becomes the process that renders.
const Command = "render-template"

// The bounds of a rendering.
const (
	maxTemplate = 1 << 20
	maxInput    = 1 << 25
	maxOutput   = 1 << 26
	maxMemory   = 1 << 28
	maxTime     = 10 * time.Second
)

// Template is a model's chat template. It may be used concurrently.
type Template struct {
	source string
	// tokens are the special tokens that the template may name, as bos_token.
	tokens map[string]string
}

// ErrNoTemplate reports a model without a chat template.
var ErrNoTemplate = errors.New("the model has no chat template")

// Open reads the template of a model's folder.
func Open(fsys fs.FS) (*Template, error) {
	source, err := hf.ChatTemplate(fsys)
	if err != nil {
		return nil, fmt.Errorf("chat template: %w", err)
	}
	if source == "" {
		return nil, ErrNoTemplate
	}
	if len(source) > maxTemplate {
		return nil, fmt.Errorf("chat template: %d bytes, want at most %d", len(source), maxTemplate)
	}
	t := &Template{source: source, tokens: map[string]string{}}
	for _, name := range []string{"special_tokens_map.json", "tokenizer_config.json"} {
		if err := t.readTokens(fsys, name); err != nil {
			return nil, fmt.Errorf("chat template: %s: %w", name, err)
		}
	}
	return t, nil
}

// readTokens takes every field whose name ends in _token: a text, or an object with its content.
func (t *Template) readTokens(fsys fs.FS, name string) error {
	data, err := fs.ReadFile(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	for key, raw := range fields {
		if !strings.HasSuffix(key, "_token") {
			continue
		}
		var text string
		var object struct{ Content *string }
		if json.Unmarshal(raw, &text) == nil && string(raw) != "null" {
			t.tokens[key] = text
		} else if json.Unmarshal(raw, &object) == nil && object.Content != nil {
			t.tokens[key] = *object.Content
		}
	}
	return nil
}

// Request is what a template is given.
type Request struct {
	// Messages is a JSON array of objects with role and content, and what else the template knows.
	Messages json.RawMessage
	// Tools is a JSON array of tools; nil: none.
	Tools json.RawMessage
	// Generate asks for the beginning of the assistant's answer after the last message.
	Generate bool
	// Variables are further ones, a JSON object, as {"enable_thinking": false}; nil: none.
	Variables json.RawMessage
}

// job is what the process that renders reads.
type job struct {
	Template  string            `json:"template"`
	Tokens    map[string]string `json:"tokens"`
	Messages  json.RawMessage   `json:"messages"`
	Tools     json.RawMessage   `json:"tools,omitempty"`
	Generate  bool              `json:"generate"`
	Variables json.RawMessage   `json:"variables,omitempty"`
}

func (t *Template) job(r Request) *job {
	return &job{t.source, t.tokens, r.Messages, r.Tools, r.Generate, r.Variables}
}

// Render returns the text of a conversation. What the template refuses (raise_exception) is an
// error with its words.
func (t *Template) Render(ctx context.Context, r Request) (string, error) {
	data, err := json.Marshal(t.job(r))
	if err != nil {
		return "", fmt.Errorf("chat template: %w", err)
	}
	if len(data) > maxInput {
		return "", fmt.Errorf("chat template: a conversation of %d bytes, want at most %d", len(data),
			maxInput)
	}
	program, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("chat template: %w", err)
	}
	bounded, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	out, said, err := run(bounded, program, data)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case bounded.Err() != nil:
		return "", fmt.Errorf("chat template: it did not end within %v: it loops, or is too slow", maxTime)
	case err != nil && said != "":
		return "", fmt.Errorf("chat template: %s", said)
	case err != nil:
		return "", fmt.Errorf("chat template: %w", err)
	}
	return out, nil
}

// run runs the process. said is the last line of its error output.
func run(ctx context.Context, program string, input []byte) (out, said string, err error) {
	c := exec.CommandContext(ctx, program, Command)
	c.Env = []string{"GOTRACEBACK=none"}
	c.Dir = os.TempDir()
	c.Stdin = bytes.NewReader(input)
	stdout, stderr := &limited{left: maxOutput}, &limited{left: 1 << 16}
	c.Stdout, c.Stderr = stdout, stderr
	err = c.Run()
	if stdout.left == 0 {
		return "", "it writes more than is sensible", errors.New("too much output")
	}
	line := strings.TrimSpace(stderr.String())
	if i := strings.Index(line, "stack exceeds"); i >= 0 {
		line = "it calls itself without end"
	}
	return stdout.String(), line, err
}

// limited keeps up to left bytes and drops the rest.
type limited struct {
	bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	keep := min(len(p), l.left)
	l.left -= keep
	l.Buffer.Write(p[:keep])
	return len(p), nil
}
