package tokenizer

import (
	"encoding/json"
	"fmt"

	"longlora/internal/tokenizer/regex"
)

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
	UseRegex       *bool           `json:"use_regex"`
	Individual     bool            `json:"individual_digits"`
	Length         *int            `json:"length"`
	Delimiter      string          `json:"delimiter"`
	Replacement    string          `json:"replacement"`
	PrependScheme  *string         `json:"prepend_scheme"`
	SplitWords     *bool           `json:"split"`
	Single         []templateJSON  `json:"single"`
	SpecialTokens  json.RawMessage `json:"special_tokens"`
	Sep            json.RawMessage `json:"sep"`
	Cls            json.RawMessage `json:"cls"`
}

// patternJSON is {"String": …} or {"Regex": …}.
type patternJSON struct {
	String *string `json:"String"`
	Regex  *string `json:"Regex"`
}

// compile returns what finds the pattern: a string or a regular expression.
func (p *patternJSON) compile() (finder, error) {
	switch {
	case p == nil:
		return nil, fmt.Errorf("no pattern")
	case p.String != nil && *p.String != "":
		return literal(*p.String), nil
	case p.Regex != nil:
		re, err := regex.Compile(*p.Regex)
		if err != nil {
			return nil, err
		}
		return &expression{re: re}, nil
	}
	return nil, fmt.Errorf("the pattern is empty")
}

// readStages reads an optional tree and lists its members in order, those of Sequences included.
func readStages(name string, tree map[string]any) ([]stage, error) {
	if tree == nil {
		return nil, nil
	}
	data, err := json.Marshal(tree)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var s stage
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s.flatten(), nil
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

// or returns an optional switch's value.
func or(p *bool, absent bool) bool {
	if p == nil {
		return absent
	}
	return *p
}
