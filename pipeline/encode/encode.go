package encode

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"

	"longlora/internal/tokenizer"
	"longlora/pipeline/card"
	"longlora/pipeline/limit"
	"longlora/pipeline/pack"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// Options says how documents become sequences.
type Options struct {
	// Out is the dataset's directory, Name its name; Overwrite replaces a dataset that is there.
	Out, Name string
	Overwrite bool
	Documents *shard.Dataset
	// Splits are the splits to encode; none means all.
	Splits    []string
	Tokenizer *tokenizer.Tokenizer
	// NoBOS leaves out what the tokenizer's own rule puts around a text; NoEOS leaves out the
	// end-of-sequence token that otherwise ends every document, if the tokenizer has one.
	NoBOS, NoEOS bool
	// HFColumns adds the derived columns labels, position_ids and attention_mask.
	HFColumns bool
	// Pack says how; its Reject is not used.
	Pack pack.Options
	// MaxDropped is the greatest part of the documents that may be dropped, MaxCut of those that may
	// lose tokens.
	MaxDropped, MaxCut limit.Limit
	// Workers is the number of row groups that are worked on at once; 0 means one a processor. The
	// result does not depend on it.
	Workers int
	// Progress is called, by many goroutines, with documents that were encoded; it may be nil.
	Progress func(documents int64)
}

// Validate reports every problem at once.
func (o Options) Validate() error {
	errs := []error{o.Pack.Validate()}
	if k := o.Documents.Manifest().Kind; k != schemas.KindDocument {
		errs = append(errs, fmt.Errorf("%s holds rows of kind %s, not %s; make documents with ingest",
			o.Documents.Dir(), k, schemas.KindDocument))
	}
	for _, s := range o.Splits {
		if !slices.Contains(o.Documents.Splits(), s) {
			errs = append(errs, fmt.Errorf("split %q is not in %s, which has %s", s, o.Documents.Dir(),
				strings.Join(o.Documents.Splits(), ", ")))
		}
	}
	if o.Workers < 0 {
		errs = append(errs, fmt.Errorf("%d workers", o.Workers))
	}
	return errors.Join(errs...)
}

// config is all that the sequences depend on beside the documents and the tokenizer.
func (o Options) config() map[string]any {
	config := map[string]any{
		"stage": "encode", "context": o.Pack.Context, "packing": o.Pack.Packing,
		"over_length": o.Pack.OverLength, "window_tokens": o.Pack.WindowTokens,
		"bos": !o.NoBOS, "eos": !o.NoEOS, "splits": o.splits(),
	}
	if o.HFColumns { // absent otherwise, as in datasets from before
		config["hf_columns"] = true
	}
	return config
}

func (o Options) splits() []string {
	if len(o.Splits) == 0 {
		return o.Documents.Splits()
	}
	return slices.Sorted(slices.Values(o.Splits))
}

// Count returns the number of documents to encode.
func (o Options) Count() int64 {
	return Input{Documents: o.Documents, Splits: o.Splits}.Count()
}

// Run builds the dataset. On an error nothing is published.
func Run(ctx context.Context, o Options) (*schemas.Manifest, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	o.Pack = o.Pack.WithDefaults()
	t, documents := o.Tokenizer, o.Documents.Manifest()
	b, err := shard.Create(o.Out, shard.Options{
		Kind: schemas.KindSequence, Name: o.Name, Overwrite: o.Overwrite, Config: o.config(),
		HFColumns: o.HFColumns,
		Draw:      card.Draw,
		Tokenizer: &schemas.TokenizerRef{
			Name: t.Name(), Digest: t.Digest(), VocabSize: t.VocabSize(),
		},
		TokenizerFile: t.Bytes(),
		Parents:       []schemas.Parent{{Name: documents.Name, Digest: documents.Digest}},
		Card: shard.Card{
			Text: fmt.Sprintf(cardText, documents.Name, o.Pack.Context),
			Tags: []string{"tokenized"},
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

const cardText = "Tokenized and packed by `pipeline encode` from the documents of `%s`, in sequences " +
	"of at most %d tokens.\nEach row is one sequence of whole documents or pieces of them, without " +
	"padding; `docs` says where each came from."

func build(ctx context.Context, o Options, b *shard.Builder) (*schemas.Manifest, error) {
	report, err := writeSplits(ctx, o, b)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	if err := Publishable(b, report, o.MaxDropped, o.MaxCut); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	Report(b, report, o.Pack.Context)
	return b.Publish()
}

// Publishable returns an error if packing lost more than the limits allow, or left nothing.
func Publishable(b *shard.Builder, r pack.Report, maxDropped, maxCut limit.Limit) error {
	err := errors.Join(
		maxDropped.Check("documents were dropped", "--max-dropped", r.Dropped, r.Documents, b.Rejected()),
		maxCut.Check("documents lost tokens", "--max-cut", r.Cut, r.Documents, b.Rejected()))
	if err == nil && r.Sequences == 0 {
		err = fmt.Errorf("no sequence is left of %d documents: %s", r.Documents,
			limit.Reasons(b.Rejected()))
	}
	return err
}

// Report says in the manifest what packing did.
func Report(b *shard.Builder, r pack.Report, context int) {
	b.Report("packing", r)
	b.Report("utilisation", utilisation(r, context))
}

// utilisation is the part of the sequences' room that holds tokens, in 1/10000.
func utilisation(r pack.Report, context int) float64 {
	room := r.Sequences * int64(context)
	return float64(r.PackedTokens*10_000/room) / 10_000
}

// writeSplits tokenizes the documents and packs each split in their order.
func writeSplits(ctx context.Context, o Options, b *shard.Builder) (total pack.Report, err error) {
	inputs := []Input{{Documents: o.Documents, Splits: o.Splits}}
	c, err := Tokenize(ctx, inputs, Tokens{
		Tokenizer: o.Tokenizer, NoBOS: o.NoBOS, NoEOS: o.NoEOS, Workers: o.Workers, Progress: o.Progress,
	}, b.Scratch())
	if err != nil {
		return total, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	for _, r := range c.Ranges() {
		tokens := int64(0)
		for n, err := range c.Lengths(r.From, r.To) {
			if err != nil {
				return total, err
			}
			tokens += int64(n)
		}
		report, err := c.Write(ctx, b, r.Split, inOrder(r), tokens, o.Pack, o.Workers)
		if err != nil {
			return total, err
		}
		total.Add(report)
	}
	return total, nil
}

// inOrder streams a range's documents.
func inOrder(r Range) iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		for doc := r.From; doc < r.To; doc++ {
			if !yield(doc, nil) {
				return
			}
		}
	}
}
