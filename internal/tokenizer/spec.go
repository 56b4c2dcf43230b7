package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	sugarme "github.com/sugarme/tokenizer"
)

// spec is a tokenizer file's content in one form, whichever format it was written in.
type spec struct {
	vocab        map[string]int32
	merges       [][2]string // by rank
	scores       []float32   // SentencePiece: merge order is by the merged piece's score
	byteFallback bool
	fuseUnknown  bool
	ignoreMerges bool
	unknown      string
	added        []addedToken
	normalizers  []normalizer
	steps        []step
	byteLevel    bool // some stage writes bytes as printable characters, as the vocabulary does
	post         template
	decoders     []decoder
}

// addedToken is an entry of added_tokens.
type addedToken struct {
	ID                         int32
	Content                    string
	SingleWord, LStrip, RStrip bool
	Normalized, Special        bool
	verbatim                   bool // Content is in normalized form already
}

// readSpec tells the two formats apart: JSON begins with a brace, a SentencePiece model with the
// tag of its first piece.
func readSpec(data []byte) (*spec, error) {
	trimmed := bytes.TrimLeft(data, " \t\r\n\ufeff")
	switch {
	case len(trimmed) == 0:
		return nil, errors.New("the file is empty")
	case trimmed[0] == '{':
		return readJSON(trimmed)
	case data[0] == 0x0A:
		return readSentencePiece(data)
	}
	return nil, errors.New("neither a tokenizer.json nor a SentencePiece model")
}

// fileJSON is a tokenizer.json: sugarme's configuration, with a model that is read in one pass.
type fileJSON struct {
	sugarme.Config
	Model modelJSON `json:"model"`
}

// readJSON reads a tokenizer.json. Its truncation and padding are left to whoever makes batches.
func readJSON(data []byte) (*spec, error) {
	var c fileJSON
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("not a tokenizer.json: %w", err)
	}
	s := &spec{}
	for _, read := range []func(*fileJSON) error{
		s.readModel, s.readAdded, s.readNormalizer, s.readPreTokenizer, s.readPost, s.readDecoder,
	} {
		if err := read(&c); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// modelJSON is the "model" object.
type modelJSON struct {
	Type                    string            `json:"type"`
	Dropout                 *float64          `json:"dropout"`
	UnkToken                *string           `json:"unk_token"`
	ContinuingSubwordPrefix *string           `json:"continuing_subword_prefix"`
	EndOfWordSuffix         *string           `json:"end_of_word_suffix"`
	FuseUnk                 bool              `json:"fuse_unk"`
	ByteFallback            bool              `json:"byte_fallback"`
	IgnoreMerges            bool              `json:"ignore_merges"`
	Vocab                   json.RawMessage   `json:"vocab"`
	Merges                  []json.RawMessage `json:"merges"`
}

func (s *spec) readModel(c *fileJSON) error {
	m := &c.Model
	if m.Type != "BPE" && m.Type != "" {
		return fmt.Errorf("model.type %q is not supported; this reader knows BPE", m.Type)
	}
	if m.Dropout != nil && *m.Dropout != 0 {
		return fmt.Errorf("model.dropout is %g; only deterministic encoding is supported", *m.Dropout)
	}
	for name, v := range map[string]*string{
		"continuing_subword_prefix": m.ContinuingSubwordPrefix,
		"end_of_word_suffix":        m.EndOfWordSuffix,
	} {
		if v != nil && *v != "" {
			return fmt.Errorf("model.%s %q is not supported", name, *v)
		}
	}
	if len(m.Vocab) == 0 {
		return errors.New("not a tokenizer.json: it has no model.vocab")
	}
	if err := json.Unmarshal(m.Vocab, &s.vocab); err != nil {
		return fmt.Errorf("model.vocab: %w", err)
	}
	s.ignoreMerges, s.byteFallback, s.fuseUnknown = m.IgnoreMerges, m.ByteFallback, m.FuseUnk
	if m.UnkToken != nil {
		s.unknown = *m.UnkToken
	}
	return s.readMerges(m.Merges)
}

func (s *spec) readMerges(list []json.RawMessage) error {
	s.merges = make([][2]string, 0, len(list))
	for i, raw := range list {
		pair, comment, err := readMerge(raw)
		if err != nil {
			return fmt.Errorf("model.merges[%d]: %w", i, err)
		}
		if !comment {
			s.merges = append(s.merges, pair)
		}
	}
	return nil
}

// readMerge reads both forms of a merge: "a b" and ["a", "b"]. Of the first form, what begins with
// #version is a comment.
func readMerge(raw json.RawMessage) (pair [2]string, comment bool, err error) {
	if len(raw) > 0 && raw[0] == '[' {
		var parts []string
		if err := json.Unmarshal(raw, &parts); err != nil {
			return pair, false, err
		}
		if len(parts) != 2 {
			return pair, false, fmt.Errorf("%d parts, want 2", len(parts))
		}
		return [2]string(parts), false, nil
	}
	var joined string
	if err := json.Unmarshal(raw, &joined); err != nil {
		return pair, false, err
	}
	if strings.HasPrefix(joined, "#version") {
		return pair, true, nil
	}
	left, right, ok := strings.Cut(joined, " ")
	if !ok || strings.Contains(right, " ") {
		return pair, false, fmt.Errorf("%q is not two parts with one space between", joined)
	}
	return [2]string{left, right}, false, nil
}

// readAdded checks that the ids are those that the reference gives, which does not look at the file's:
// a token of the vocabulary keeps its id, the others follow behind the vocabulary.
func (s *spec) readAdded(c *fileJSON) error {
	next := int64(len(s.vocab))
	given := map[string]int64{}
	for _, a := range c.AddedTokens {
		if a.Content == "" {
			return fmt.Errorf("added token %d is empty", a.Id)
		}
		id, known := given[a.Content]
		if in, ok := s.vocab[a.Content]; ok {
			id, known = int64(in), true
		}
		if !known {
			id = next
			next++
		}
		given[a.Content] = id
		if a.Id != id {
			return fmt.Errorf("added token %q has id %d; the reference would give it %d",
				a.Content, a.Id, id)
		}
		s.added = append(s.added, addedToken{
			ID: int32(a.Id), Content: a.Content, SingleWord: a.SingleWord, LStrip: a.Lstrip,
			RStrip: a.Rstrip, Normalized: a.Normalized, Special: a.Special,
		})
	}
	return nil
}
