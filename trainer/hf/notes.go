package hf

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"longlora/trainer/attention"
)

// NotesName is the file of this project's own fields, in model and adapter folders.
const NotesName = "longlora.json"

// notesVersion is raised when a reader of the old form would go wrong.
const notesVersion = 1

// Notes is a longlora.json: how a folder's weights were made. Readers of other projects need none
// of it. docs/format/longlora.md describes the fields.
type Notes struct {
	Version int `json:"version"`
	// Context is the number of positions that the weights were trained for, Original that of the
	// model before any extension.
	Context  int `json:"context"`
	Original int `json:"original_context,omitempty"`
	// Base is the model that training began with, as it was called, and Added the number of tokens that
	// LongLoRA's scripts had added to its vocabulary.
	Base  string `json:"base,omitempty"`
	Added int    `json:"added_tokens,omitempty"`
	// Method is "lora", "full" or "pretrain"; Train the groups of base parameters trained in full.
	Method string   `json:"method,omitempty"`
	Train  []string `json:"train,omitempty"`
	// Pattern is the attention of training, Group its group size in tokens; "scheduled" stands for what
	// Attention says.
	Pattern string `json:"pattern,omitempty"`
	Group   int    `json:"group,omitempty"`
	// Attention says by what each step and layer attended, if that was not one pattern.
	Attention *attention.Plan `json:"attention,omitempty"`
	// Steps counts the optimizer's steps; Dataset and Tokenizer are digests of what was read.
	Steps     int    `json:"steps,omitempty"`
	Dataset   string `json:"dataset,omitempty"`
	Tokenizer string `json:"tokenizer,omitempty"`
	// Backend is the machine arithmetic that ran, as "cpu/avx512".
	Backend string `json:"backend,omitempty"`
}

// ReadNotes reads the longlora.json of a folder; without one it returns the zero Notes.
func ReadNotes(fsys fs.FS) (Notes, error) {
	data, err := fs.ReadFile(fsys, NotesName)
	if errors.Is(err, fs.ErrNotExist) {
		return Notes{}, nil
	}
	if err != nil {
		return Notes{}, err
	}
	var n Notes
	if err := json.Unmarshal(data, &n); err != nil {
		return Notes{}, fmt.Errorf("%s: %w", NotesName, err)
	}
	if n.Version != notesVersion {
		return Notes{}, fmt.Errorf("%s: version %d, this build reads version %d; use a build that "+
			"is as new", NotesName, n.Version, notesVersion)
	}
	return n, nil
}

// Encode returns the file.
func (n Notes) Encode() ([]byte, error) {
	n.Version = notesVersion
	return encodeJSON(n)
}

// Context returns the number of positions that the folder's model reads: what longlora.json says,
// else what config.json says.
func (f *Folder) Context() int {
	if f.Notes.Context > 0 {
		return f.Notes.Context
	}
	return f.Config.RoPE.Max
}
