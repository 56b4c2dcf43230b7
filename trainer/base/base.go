// Package base holds the embedded base model: a small LLaMA trained from scratch on Go's own
// source, so that fine-tuning can be tried with nothing to download. files/README.md is its card.
package base

import (
	"embed"
	"io/fs"

	"longlora/internal/defaults"
)

//go:embed files
var files embed.FS

// FS returns the model as a Hugging Face folder. Its tokenizer is the default one.
func FS() fs.FS {
	sub, err := fs.Sub(files, "files")
	if err != nil {
		panic(err) // the name is a constant and valid
	}
	return overlay{FS: sub, name: "tokenizer.json", data: defaults.TokenizerFile()}
}
