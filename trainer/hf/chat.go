package hf

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
)

// ChatTemplate returns the template of conversations that a model's folder has: the file
// chat_template.jinja, or chat_template in tokenizer_config.json or chat_template.json, of several
// the one called default. It is "" if there is none.
func ChatTemplate(fsys fs.FS) (string, error) {
	data, err := fs.ReadFile(fsys, "chat_template.jinja")
	if err == nil {
		return string(data), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	for _, name := range []string{"tokenizer_config.json", "chat_template.json"} {
		text, err := templateIn(fsys, name)
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		if text != "" {
			return text, nil
		}
	}
	return "", nil
}

func templateIn(fsys fs.FS, name string) (string, error) {
	data, err := fs.ReadFile(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var file struct {
		Template json.RawMessage `json:"chat_template"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return "", err
	}
	return pickTemplate(file.Template)
}

// pickTemplate reads a template, or the one called default of a list.
func pickTemplate(raw json.RawMessage) (string, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, nil
	}
	var list []struct{ Name, Template string }
	if err := json.Unmarshal(raw, &list); err != nil {
		return "", fmt.Errorf("chat_template: %w", err)
	}
	for _, t := range list {
		if t.Name == "default" {
			return t.Template, nil
		}
	}
	return "", errors.New("chat_template is a list without one called default")
}
