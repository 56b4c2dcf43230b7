// Package mix makes a sequence dataset of several document datasets by a recipe: how much of each, how
// often at most, and how much more of its long documents.
//
// What is taken is a pure function of the datasets' digests and the recipe: documents of a source are
// put into buckets by length; how many epochs of each bucket are taken follows from the recipe; and
// which documents fill the last part of an epoch, and where every copy stands, from a keyed hash of the
// document. Each source comes out with the tokens that the recipe gives it, up to half a document.
package mix

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"longlora/internal/store"
	"longlora/internal/strict"
	"longlora/pipeline/pack"
)

// Recipe says what to mix and how it becomes sequences.
type Recipe struct {
	// Name is the dataset's name, Split its only split; empty means train.
	Name  string `yaml:"name"`
	Split string `yaml:"split"`
	// Seed chooses among documents and orders them.
	Seed uint64 `yaml:"seed"`
	// Tokens is the number of tokens to mix; 0 means as many as the sources have, which no source with
	// lengths allows.
	Tokens  int64    `yaml:"tokens"`
	Sources []Source `yaml:"sources"`
	// Tokenizer is a file or folder, beside the recipe unless absolute; empty means the embedded one.
	Tokenizer    string `yaml:"tokenizer"`
	Context      int    `yaml:"context"`
	Packing      string `yaml:"packing"`
	OverLength   string `yaml:"over_length"`
	WindowTokens int    `yaml:"window_tokens"`
	NoBOS        bool   `yaml:"no_bos"`
	NoEOS        bool   `yaml:"no_eos"`
}

// Source is a part of the mixture.
type Source struct {
	// Name stands for it in tables.
	Name string `yaml:"name"`
	// Dataset is where a document dataset lies: a folder, beside the recipe unless absolute, or a URL.
	// Digest, if given, is the digest that it must have.
	Dataset string `yaml:"dataset"`
	Digest  string `yaml:"digest"`
	// Splits are those to read; none means train.
	Splits []string `yaml:"splits"`
	// Weight is its part of the mixture's tokens, relative to the others' weights.
	Weight float64 `yaml:"weight"`
	// MaxEpochs is how often a document may be taken; 0 means once.
	MaxEpochs int `yaml:"max_epochs"`
	// LossWeight is the loss weight of its documents; 0 means 1.
	LossWeight float32 `yaml:"loss_weight"`
	// Lengths says how much more of its long documents are taken. The source's own part stays.
	Lengths Lengths `yaml:"lengths"`
}

// Lengths are factors of documents by length in tokens: with factors 1 and 4, an epoch of the second
// goes with a quarter of an epoch of the first. At most one of the fields is given; none means that all
// lengths are taken alike.
type Lengths struct {
	// Exponent makes the factor of each power of two its lower bound, in Ki tokens, to the exponent;
	// below 1 Ki it is 1.
	Exponent float64 `yaml:"exponent"`
	// Buckets are factors from a number of tokens on, in ascending order; below the first it is 1.
	Buckets []Bucket `yaml:"buckets"`
}

// Bucket is a factor for documents of at least From tokens.
type Bucket struct {
	From   int     `yaml:"from" json:"from"`
	Factor float64 `yaml:"factor" json:"factor"`
}

// Read reads a recipe. Keys that it does not know are an error.
func Read(path string) (*Recipe, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("recipe: %w", err)
	}
	r, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("recipe %s: %w", path, err)
	}
	folder := filepath.Dir(path)
	beside := func(p *string) {
		if *p != "" && !filepath.IsAbs(*p) && !store.IsURL(*p) {
			*p = filepath.Join(folder, *p)
		}
	}
	beside(&r.Tokenizer)
	for i := range r.Sources {
		beside(&r.Sources[i].Dataset)
	}
	return r, nil
}

func parse(data []byte) (*Recipe, error) {
	var r Recipe
	if err := strict.Decode(data, &r); errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty")
	} else if err != nil {
		return nil, err
	}
	for i := range r.Sources {
		s := &r.Sources[i]
		if len(s.Splits) == 0 {
			s.Splits = []string{"train"}
		}
		slices.Sort(s.Splits)
		if s.MaxEpochs == 0 {
			s.MaxEpochs = 1
		}
	}
	if r.Split == "" {
		r.Split = "train"
	}
	return &r, r.Validate()
}

// Pack is how the recipe packs.
func (r *Recipe) Pack() pack.Options {
	return pack.Options{
		Context: r.Context, Packing: r.Packing, OverLength: r.OverLength, WindowTokens: r.WindowTokens,
	}
}

// Validate reports every problem at once.
func (r *Recipe) Validate() error {
	errs := []error{r.Pack().Validate()}
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if r.Tokens < 0 {
		bad("tokens: %d is negative", r.Tokens)
	}
	if len(r.Sources) == 0 {
		bad("sources: there are none")
	}
	names := map[string]bool{}
	for i, s := range r.Sources {
		if s.Name == "" {
			bad("sources[%d]: it has no name", i)
		} else if names[s.Name] {
			bad("source %s: the name is given twice", s.Name)
		}
		names[s.Name] = true
		s.validate(r, bad)
	}
	return errors.Join(errs...)
}

func (s *Source) validate(r *Recipe, bad func(format string, args ...any)) {
	if s.Dataset == "" {
		bad("source %s: it names no dataset", s.Name)
	}
	if !(s.Weight > 0 && s.Weight < 1e9) {
		bad("source %s: weight %g, want more than 0", s.Name, s.Weight)
	}
	if s.MaxEpochs < 1 {
		bad("source %s: max_epochs %d, want at least 1", s.Name, s.MaxEpochs)
	}
	if !(s.LossWeight >= 0 && s.LossWeight < 1e9) {
		bad("source %s: loss_weight %g, want 0, which means 1, or more", s.Name, s.LossWeight)
	}
	l := s.Lengths
	if l.Exponent != 0 && len(l.Buckets) > 0 {
		bad("source %s: lengths has an exponent and buckets; give one of them", s.Name)
	}
	if !(l.Exponent >= -4 && l.Exponent <= 4) {
		bad("source %s: exponent %g is outside [-4, 4]", s.Name, l.Exponent)
	}
	before := 0
	for _, b := range l.Buckets {
		if b.From <= before {
			bad("source %s: bucket from %d does not come after %d", s.Name, b.From, before)
		}
		if !(b.Factor >= 0 && b.Factor <= 1e6) {
			bad("source %s: bucket from %d has factor %g, want 0 to 1e6", s.Name, b.From, b.Factor)
		}
		before = b.From
	}
	if r.Tokens == 0 && (l.Exponent != 0 || len(l.Buckets) > 0) {
		bad("source %s: lengths need a number of tokens: of all that there is, long documents cannot be "+
			"a larger part", s.Name)
	}
}
