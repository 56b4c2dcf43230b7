package ingest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"longlora/pipeline/card"
	"longlora/pipeline/clean"
	"longlora/pipeline/decontaminate"
	"longlora/pipeline/dedup"
	"longlora/pipeline/filter"
	"longlora/pipeline/licence"
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
	// Cleaners and Masks are the names of those to run.
	Cleaners, Masks []string
	// Licences lets documents through; nil lets all.
	Licences *licence.Gate
	// Evaluation holds the evaluation sets that documents must not hold text of; nil: there are none.
	Evaluation *decontaminate.Index
	// KeepDuplicates leaves duplicates in, exact ones and near ones.
	KeepDuplicates bool
	// Near is the similarity in (0, 1] from which near-duplicates are dropped; 0 leaves them in.
	Near float64
	// Passages are the repeated passages to look for; MarkPassages leaves them in and says in a
	// document's metadata where they stand.
	Passages     dedup.Passages
	MarkPassages bool
	// RepeatedLines is the number of documents of a source from which a line that stands in them is
	// taken for a frame, and removed; 0 leaves lines in.
	RepeatedLines int
	// NoDropped leaves dropped documents out of the dataset; otherwise their text is kept in reject/.
	NoDropped bool
	// SortMemory is the size, in bytes, from which what deduplication sorts goes to disk; 0 means 16 MiB.
	SortMemory int64
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
	errs := []error{
		filter.Validate(o.Filters, o.Filter), clean.Validate(o.Cleaners, o.Masks), o.Shares.Validate(),
		o.Passages.Validate(),
	}
	if !(o.Near >= 0 && o.Near <= 1) {
		errs = append(errs, fmt.Errorf("similarity %g of near-duplicates is outside [0, 1]", o.Near))
	}
	if o.RepeatedLines < 0 || o.RepeatedLines == 1 {
		errs = append(errs, fmt.Errorf("lines repeated in %d documents: take at least 2, or 0 for none",
			o.RepeatedLines))
	}
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
	o.addConfig(c)
	if o.Split != "" {
		c["split"] = o.Split
	} else {
		c["split_shares"] = map[string]any{
			"validation": o.Shares.Validation, "test": o.Shares.Test,
		}
	}
	return c
}

// addConfig adds what was asked for beside the defaults.
func (o Options) addConfig(c map[string]any) {
	for _, x := range []struct {
		key   string
		set   bool
		value any
	}{
		{"languages", len(o.Filter.Languages) > 0, o.Filter.Languages},
		{"cleaners", len(o.Cleaners) > 0, o.Cleaners},
		{"masks", len(o.Masks) > 0, o.Masks},
		{"near_duplicates", o.Near > 0 && !o.KeepDuplicates, o.Near},
		{"repeated_passages", o.Passages.Words > 0, o.Passages.Words},
		{"mark_passages", o.MarkPassages, true},
		{"repeated_lines", o.RepeatedLines > 0, o.RepeatedLines},
	} {
		if x.set {
			c[x.key] = x.value
		}
	}
	if o.Licences != nil && !o.Licences.Empty() {
		c["licences"] = o.Licences.Config()
	}
	if o.Evaluation != nil {
		c["decontamination"] = o.Evaluation.Config()
	}
}

// Run builds the dataset. On an error nothing is published.
func Run(ctx context.Context, o Options) (*schemas.Manifest, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.SortMemory == 0 {
		o.SortMemory = 16 << 20
	}
	b, err := shard.Create(o.Out, shard.Options{
		Kind: schemas.KindDocument, Name: o.Name, Overwrite: o.Overwrite, Config: o.config(),
		Draw: card.Draw,
		Card: shard.Card{
			Text:      fmt.Sprintf(cardText, o.Kind) + o.evaluationText(),
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

// evaluationText says in the card what the documents were compared with.
func (o Options) evaluationText() string {
	if o.Evaluation == nil {
		return "\n\nThe documents were compared with no evaluation set."
	}
	all, short := o.Evaluation.Items()
	return fmt.Sprintf("\n\nThe documents were compared with %d items of evaluation sets, %d of them too "+
		"short to be found; `config.decontamination` in `manifest.json` names the files, "+
		"`reject/contamination.jsonl` what was found.", all, short)
}

func build(ctx context.Context, o Options, b *shard.Builder) (*schemas.Manifest, error) {
	s, err := scan(ctx, o, b, b.Scratch())
	if err != nil {
		return nil, err
	}
	f, err := resolve(ctx, o, s)
	if err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	w, err := write(ctx, o, b, s, f)
	if err = errors.Join(err, f.close()); err != nil {
		return nil, err
	}
	reasons := s.inputReasons(b.Rejected())
	if err := o.MaxDropped.Check("inputs were dropped", "--max-dropped", s.inputs-w.Documents, s.inputs,
		reasons); err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	if w.Documents == 0 {
		return nil, fmt.Errorf("ingest: no document is left of %d inputs: %s", s.inputs,
			limit.Reasons(reasons))
	}
	if err := s.report(o, b); err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	b.Report("inputs", s.inputs)
	b.Report("documents", w.Documents)
	b.Report("characters", w.Characters)
	if o.Split == "" {
		b.Report("clusters", f.clusters)
	}
	if o.Passages.Words > 0 || o.RepeatedLines > 0 {
		b.Report("repeats", w.Repeats)
	}
	return b.Publish()
}
