package mix

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"longlora/internal/tokenizer"
	"longlora/pipeline/card"
	"longlora/pipeline/encode"
	"longlora/pipeline/limit"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// Options says where a mixture goes.
type Options struct {
	// Out is the dataset's directory; Overwrite replaces a dataset that is there.
	Out       string
	Overwrite bool
	Recipe    *Recipe
	// Datasets are those of the recipe's sources.
	Datasets  []*shard.Dataset
	Tokenizer *tokenizer.Tokenizer
	// MaxDropped is the greatest part of the mixed documents that may be dropped, MaxCut of those that
	// may lose tokens.
	MaxDropped, MaxCut limit.Limit
	// Workers is the number of row groups that are worked on at once; 0 means one a processor. The
	// result does not depend on it.
	Workers int
	// Progress is called, by many goroutines, with documents that were tokenized; it may be nil.
	Progress func(documents int64)
}

// Validate reports every problem at once.
func (o Options) Validate() error {
	errs := []error{o.Recipe.Validate()}
	for i, d := range o.Datasets {
		s, m := o.Recipe.Sources[i], d.Manifest()
		if m.Kind != schemas.KindDocument {
			errs = append(errs, fmt.Errorf("source %s: %s holds rows of kind %s, not %s; make documents with "+
				"ingest", s.Name, d.Dir(), m.Kind, schemas.KindDocument))
		}
		if s.Digest != "" && s.Digest != m.Digest {
			errs = append(errs, fmt.Errorf("source %s: %s has digest %.12s, the recipe wants %.12s", s.Name,
				d.Dir(), m.Digest, s.Digest))
		}
		for _, split := range s.Splits {
			if !slices.Contains(d.Splits(), split) {
				errs = append(errs, fmt.Errorf("source %s: split %q is not in %s, which has %s", s.Name, split,
					d.Dir(), strings.Join(d.Splits(), ", ")))
			}
		}
	}
	if o.Workers < 0 {
		errs = append(errs, fmt.Errorf("%d workers", o.Workers))
	}
	return errors.Join(errs...)
}

// config is the recipe with digests in place of paths.
func (o Options) config() map[string]any {
	r, p := o.Recipe, o.Recipe.Pack().WithDefaults()
	var sources []any
	for i, s := range r.Sources {
		sources = append(sources, map[string]any{
			"name": s.Name, "digest": o.Datasets[i].Manifest().Digest, "splits": s.Splits,
			"weight": s.Weight, "max_epochs": s.MaxEpochs, "loss_weight": s.LossWeight,
			"exponent": s.Lengths.Exponent, "buckets": s.Lengths.Buckets,
		})
	}
	return map[string]any{
		"stage": "mix", "seed": r.Seed, "tokens": r.Tokens, "sources": sources, "split": r.Split,
		"context": p.Context, "packing": p.Packing, "over_length": p.OverLength,
		"window_tokens": p.WindowTokens, "bos": !r.NoBOS, "eos": !r.NoEOS,
	}
}

// Count returns the number of documents to tokenize.
func (o Options) Count() (n int64) {
	for _, in := range o.inputs() {
		n += in.Count()
	}
	return n
}

func (o Options) inputs() (inputs []encode.Input) {
	for i, s := range o.Recipe.Sources {
		inputs = append(inputs, encode.Input{
			Documents: o.Datasets[i], Splits: s.Splits, Weight: s.LossWeight,
		})
	}
	return inputs
}

// Run builds the dataset. On an error nothing is published.
func Run(ctx context.Context, o Options) (*schemas.Manifest, Realised, error) {
	if err := o.Validate(); err != nil {
		return nil, Realised{}, fmt.Errorf("mix: %w", err)
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	var parents []schemas.Parent
	for _, d := range o.Datasets {
		p := schemas.Parent{Name: d.Manifest().Name, Digest: d.Manifest().Digest}
		if !slices.Contains(parents, p) {
			parents = append(parents, p)
		}
	}
	b, err := shard.Create(o.Out, shard.Options{
		Kind: schemas.KindSequence, Name: o.Recipe.Name, Overwrite: o.Overwrite, Config: o.config(),
		Draw: card.Draw,
		Tokenizer: &schemas.TokenizerRef{
			Name: o.Tokenizer.Name(), Digest: o.Tokenizer.Digest(), VocabSize: o.Tokenizer.VocabSize(),
		},
		TokenizerFile: o.Tokenizer.Bytes(), Parents: parents,
	})
	if err != nil {
		return nil, Realised{}, err
	}
	m, realised, err := build(ctx, o, b)
	if err != nil {
		return nil, Realised{}, errors.Join(err, b.Abort())
	}
	return m, realised, nil
}

const cardText = "Mixed by `pipeline mix` from %d document datasets, in sequences of at most %d tokens; " +
	"`config` in `manifest.json` is the recipe.\nEach row is one sequence of whole documents or pieces of " +
	"them, without padding; `docs` says where each came from.\n\n%s"

func build(ctx context.Context, o Options, b *shard.Builder) (_ *schemas.Manifest, r Realised, err error) {
	c, err := encode.Tokenize(ctx, o.inputs(), encode.Tokens{
		Tokenizer: o.Tokenizer, NoBOS: o.Recipe.NoBOS, NoEOS: o.Recipe.NoEOS, Workers: o.Workers,
		Progress: o.Progress,
	}, b.Scratch())
	if err != nil {
		return nil, r, fmt.Errorf("mix: %w", err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	p := o.Recipe.Pack().WithDefaults()
	s := &selection{recipe: o.Recipe, corpus: c, kept: keptBy(p), scratch: b.Scratch()}
	for _, d := range o.Datasets {
		s.digests = append(s.digests, d.Manifest().Digest)
	}
	if err := s.run(); err != nil {
		return nil, r, fmt.Errorf("mix: %w", err)
	}
	report, err := c.Write(ctx, b, o.Recipe.Split, s.documents(), s.total(), p, o.Workers)
	if err != nil {
		return nil, r, fmt.Errorf("mix: %w", err)
	}
	if err := encode.Publishable(b, report, o.MaxDropped, o.MaxCut); err != nil {
		return nil, r, fmt.Errorf("mix: %w", err)
	}
	r = s.realised()
	b.Report("mixture", r)
	encode.Report(b, report, p.Context)
	b.Describe(shard.Card{
		Text: fmt.Sprintf(cardText, len(o.Datasets), p.Context, r.Markdown()),
		Tags: []string{"tokenized", "mixture"},
	})
	m, err := b.Publish()
	return m, r, err
}
