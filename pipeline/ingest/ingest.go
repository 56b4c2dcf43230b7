package ingest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"longlora/pipeline/filter"
	"longlora/pipeline/limit"
	"longlora/pipeline/source"
	"longlora/pipeline/split"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// Options says what becomes of a source's documents.
type Options struct {
	// Out is the dataset's directory, Name its name; Overwrite replaces a dataset that is there.
	Out, Name string
	Overwrite bool
	// Kind is the source's kind, for the record.
	Kind   string
	Source source.Source
	// Filters are the names of the filters to run, Filter their parameters.
	Filters []string
	Filter  filter.Options
	// KeepDuplicates leaves exact duplicates in.
	KeepDuplicates bool
	// Split puts all documents into one split; empty means by near-duplicate cluster, with Shares.
	Split  string
	Shares split.Shares
	// MaxDropped is the greatest part of the inputs that may be dropped.
	MaxDropped limit.Limit
	// Workers is the number of units that are worked on at once; 0 means one a processor. The result
	// does not depend on it.
	Workers int
	// Progress is called, by many goroutines, with bytes of input that were read; it may be nil.
	Progress func(bytes int64)
}

// Validate reports every problem at once.
func (o Options) Validate() error {
	errs := []error{filter.Validate(o.Filters, o.Filter), o.Shares.Validate()}
	if o.Split != "" && !slices.Contains([]string{split.Train, split.Validation, split.Test}, o.Split) {
		errs = append(errs, fmt.Errorf("split %q is none of train, validation, test", o.Split))
	}
	if o.Workers < 0 {
		errs = append(errs, fmt.Errorf("%d workers", o.Workers))
	}
	return errors.Join(errs...)
}

// config is all that the documents depend on beside the source's content.
func (o Options) config() map[string]any {
	c := map[string]any{
		"stage": "ingest", "source": o.Kind, "source_options": o.Source.Config(),
		"filters": o.Filters, "min_chars": o.Filter.MinChars, "max_chars": o.Filter.MaxChars,
		"exact_dedup": !o.KeepDuplicates,
	}
	if o.Split != "" {
		c["split"] = o.Split
	} else {
		c["split_shares"] = map[string]any{
			"validation": o.Shares.Validation, "test": o.Shares.Test,
		}
	}
	return c
}

// Run builds the dataset. On an error nothing is published.
func Run(ctx context.Context, o Options) (*schemas.Manifest, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	b, err := shard.Create(o.Out, shard.Options{
		Kind: schemas.KindDocument, Name: o.Name, Overwrite: o.Overwrite, Config: o.config(),
		Card: shard.Card{
			Text:      fmt.Sprintf(cardText, o.Kind),
			Languages: o.Source.Languages(), Tags: []string{"documents"},
		},
	})
	if err != nil {
		return nil, err
	}
	m, err := build(ctx, o, b)
	if err != nil {
		return nil, errors.Join(err, b.Abort())
	}
	return m, nil
}

const cardText = "Documents read by `pipeline ingest` from the source `%s`, cleaned, deduplicated " +
	"and split.\nEach row is one document; its licence is in the column `licence`."

func build(ctx context.Context, o Options, b *shard.Builder) (*schemas.Manifest, error) {
	s, err := scan(ctx, o, b, b.Scratch())
	if err != nil {
		return nil, err
	}
	f, err := resolve(ctx, o, s)
	if err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	kept, chars, err := write(ctx, o, b, s, f)
	if err = errors.Join(err, f.close()); err != nil {
		return nil, err
	}
	if err := o.MaxDropped.Check("inputs were dropped", "--max-dropped", s.inputs-kept, s.inputs,
		b.Rejected()); err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	if kept == 0 {
		return nil, fmt.Errorf("ingest: no document is left of %d inputs: %s", s.inputs,
			limit.Reasons(b.Rejected()))
	}
	b.Report("inputs", s.inputs)
	b.Report("documents", kept)
	b.Report("characters", chars)
	if o.Split == "" {
		b.Report("clusters", f.clusters)
	}
	return b.Publish()
}
