package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	sugarme "github.com/sugarme/tokenizer"
)

// spec is a tokenizer file's content in one form, whichever format it was written in.
type spec struct {
	vocab        map[string]int32
	merges       [][2]string // by rank
	scores       []float32   // SentencePiece: merge order is by the merged piece's score
	byteLevel    bool
	byteFallback bool
	fuseUnknown  bool
	ignoreMerges bool
	unknown      string
	added        []addedToken
	normalizers  normalizers
	split        splitter
	prepend      prependScheme
	post         template
	decoders     []decodeStep
}

// addedToken is an entry of added_tokens.
type addedToken struct {
	ID                         int32
	Content                    string
	SingleWord, LStrip, RStrip bool
	Normalized, Special        bool
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

// readJSON reads a tokenizer.json into sugarme's configuration type and then into a spec.
func readJSON(data []byte) (*spec, error) {
	var c sugarme.Config
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("not a tokenizer.json: %w", err)
	}
	s := &spec{}
	for _, step := range []func(*sugarme.Config) error{
		s.readModel, s.readAdded, s.readNormalizer, s.readPreTokenizer, s.readPost, s.readDecoder,
	} {
		if err := step(&c); err != nil {
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
	Vocab                   map[string]int32  `json:"vocab"`
	Merges                  []json.RawMessage `json:"merges"`
}

func (s *spec) readModel(c *sugarme.Config) error {
	var m modelJSON
	if err := convert(c.Model, &m); err != nil {
		return fmt.Errorf("model: %w", err)
	}
	if m.Type != "BPE" && m.Type != "" {
		return fmt.Errorf("model type %q is not supported; this reader knows BPE", m.Type)
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
		return errors.New("model.vocab is empty")
	}
	s.vocab, s.ignoreMerges = m.Vocab, m.IgnoreMerges
	s.byteFallback, s.fuseUnknown = m.ByteFallback, m.FuseUnk
	if m.UnkToken != nil {
		s.unknown = *m.UnkToken
	}
	s.merges = make([][2]string, len(m.Merges))
	for i, raw := range m.Merges {
		pair, err := readMerge(raw)
		if err != nil {
			return fmt.Errorf("model.merges[%d]: %w", i, err)
		}
		s.merges[i] = pair
	}
	return nil
}

// readMerge reads both forms of a merge: "a b" and ["a", "b"].
func readMerge(raw json.RawMessage) ([2]string, error) {
	var pair []string
	if json.Unmarshal(raw, &pair) == nil {
		if len(pair) != 2 {
			return [2]string{}, fmt.Errorf("%d parts, want 2", len(pair))
		}
		return [2]string{pair[0], pair[1]}, nil
	}
	var joined string
	if err := json.Unmarshal(raw, &joined); err != nil {
		return [2]string{}, err
	}
	for i := 1; i < len(joined)-1; i++ {
		if joined[i] == ' ' {
			return [2]string{joined[:i], joined[i+1:]}, nil
		}
	}
	return [2]string{}, fmt.Errorf("%q is not two parts with a space between", joined)
}

func (s *spec) readAdded(c *sugarme.Config) error {
	for _, a := range c.AddedTokens {
		if a.Id < 0 || a.Id > 1<<30 {
			return fmt.Errorf("added token %q has id %d", a.Content, a.Id)
		}
		if a.Content == "" {
			return fmt.Errorf("added token %d is empty", a.Id)
		}
		s.added = append(s.added, addedToken{
			ID: int32(a.Id), Content: a.Content, SingleWord: a.SingleWord, LStrip: a.Lstrip,
			RStrip: a.Rstrip, Normalized: a.Normalized, Special: a.Special,
		})
	}
	return nil
}

// stage is any object of the normalizer, pre_tokenizer, post_processor or decoder trees; members
// that its type does not have stay zero.
type stage struct {
	Type           string          `json:"type"`
	Normalizers    []stage         `json:"normalizers"`
	PreTokenizers  []stage         `json:"pretokenizers"`
	Processors     []stage         `json:"processors"`
	Decoders       []stage         `json:"decoders"`
	Prepend        string          `json:"prepend"`
	Pattern        *patternJSON    `json:"pattern"`
	Content        *string         `json:"content"`
	StripLeft      bool            `json:"strip_left"`
	StripRight     bool            `json:"strip_right"`
	Start          int             `json:"start"`
	Stop           int             `json:"stop"`
	Behavior       string          `json:"behavior"`
	Invert         bool            `json:"invert"`
	AddPrefixSpace *bool           `json:"add_prefix_space"`
	TrimOffsets    *bool           `json:"trim_offsets"`
	UseRegex       *bool           `json:"use_regex"`
	Individual     bool            `json:"individual_digits"`
	Replacement    string          `json:"replacement"`
	PrependScheme  string          `json:"prepend_scheme"`
	SplitWords     *bool           `json:"split"`
	Single         []templateJSON  `json:"single"`
	SpecialTokens  json.RawMessage `json:"special_tokens"`
}

type patternJSON struct {
	String *string `json:"String"`
	Regex  *string `json:"Regex"`
}

// convert re-reads a generic JSON tree into a typed one.
func convert(from any, to any) error {
	data, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, to)
}

// readStage reads an optional stage; ok is false where the file has null.
func readStage(name string, tree map[string]any) (s stage, ok bool, err error) {
	if tree == nil {
		return s, false, nil
	}
	if err := convert(tree, &s); err != nil {
		return s, false, fmt.Errorf("%s: %w", name, err)
	}
	return s, true, nil
}

// flatten lists a stage's members if it is a Sequence, else the stage alone.
func (s stage) flatten() []stage {
	if s.Type != "Sequence" {
		return []stage{s}
	}
	var all []stage
	for _, list := range [][]stage{s.Normalizers, s.PreTokenizers, s.Processors, s.Decoders} {
		for _, m := range list {
			all = append(all, m.flatten()...)
		}
	}
	return all
}

func isTrue(p *bool, absent bool) bool {
	if p == nil {
		return absent
	}
	return *p
}
