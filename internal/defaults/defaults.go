// Package defaults holds the project's own tokenizer, which commands use where the user names none:
// a byte-level BPE of 4,096 tokens for Go code and English, with the splitter of LLaMA-3,
// <|begin_of_text|> (id 0, put before every text that is encoded with specials) and <|end_of_text|>
// (id 1).
//
// It was trained on every package of the Go 1.26 tree (build linux/amd64; no tests, vendored or
// generated files) and, four times each, on the tree's long texts, so that about half of what it saw
// is English: comments, manuals and Newton's Opticks. It has seen the packages that are held out of
// training too; all models that are compared on them read the same tokens. scripts/tokenizer makes it
// again.
package defaults

import (
	_ "embed"

	"longlora/internal/tokenizer"
)

//go:embed tokenizer.json
var tokenizerFile string

// TokenizerFile returns the content of the tokenizer.json.
func TokenizerFile() []byte { return []byte(tokenizerFile) }

// Tokenizer returns the tokenizer, read anew at each call.
func Tokenizer() (*tokenizer.Tokenizer, error) {
	return tokenizer.Parse("tokenizer.json", TokenizerFile())
}
