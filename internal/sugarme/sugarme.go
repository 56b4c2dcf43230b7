// Package sugarme makes a tokenizer of ours a model of github.com/sugarme/tokenizer, so that code
// written for that library gets exact tokens. Its own encoder differs from the reference on much
// ordinary text; the tests pin where.
package sugarme

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/sugarme/tokenizer"

	"longlora/internal/atomicfile"
	ours "longlora/internal/tokenizer"
)

// Model is a tokenizer.Model that takes whole texts: it normalizes and splits them itself, so the
// tokenizer.Tokenizer around it must have neither a normalizer nor a pre-tokenizer. It may be used
// concurrently.
type Model struct{ t *ours.Tokenizer }

var _ tokenizer.Model = (*Model)(nil)

// New returns the model of a tokenizer.
func New(t *ours.Tokenizer) *Model { return &Model{t} }

// Tokenize returns the tokens of a text without those that the post-processor adds. Offsets are bytes
// of the text. It never fails.
func (m *Model) Tokenize(sequence string) ([]tokenizer.Token, error) {
	ids, offsets := m.t.EncodeOffsets(sequence, false)
	tokens := make([]tokenizer.Token, len(ids))
	for i, id := range ids {
		value, _ := m.t.Token(id)
		tokens[i] = tokenizer.Token{
			Id: int(id), Value: value, Offsets: []int{offsets[i].Start, offsets[i].End},
		}
	}
	return tokens, nil
}

// TokenToId returns the id of a token as the tokenizer file writes it.
func (m *Model) TokenToId(token string) (id int, ok bool) {
	found, ok := m.t.ID(token)
	return int(found), ok
}

// IdToToken returns the token of an id as the tokenizer file writes it.
func (m *Model) IdToToken(id int) (token string, ok bool) {
	if id < 0 || id >= m.t.VocabSize() {
		return "", false
	}
	return m.t.Token(int32(id))
}

// GetVocab returns a new map of all tokens to their ids.
func (m *Model) GetVocab() map[string]int {
	vocab := make(map[string]int, m.t.VocabSize())
	for id := range m.t.VocabSize() {
		if token, ok := m.t.Token(int32(id)); ok {
			vocab[token] = id
		}
	}
	return vocab
}

// GetVocabSize returns one more than the greatest id.
func (m *Model) GetVocabSize() int { return m.t.VocabSize() }

// Save writes the file that the tokenizer was read from into a folder, under its own name with an
// optional prefix.
func (m *Model) Save(path string, prefix ...string) error {
	name := strings.Join(append(prefix, m.t.Name()), "-")
	if err := atomicfile.Write(filepath.Join(path, name), m.t.Bytes()); err != nil {
		return fmt.Errorf("sugarme: save: %w", err)
	}
	return nil
}
