package encode

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"longlora/internal/prompt"
	"longlora/internal/tokenizer"
	"longlora/longqa/chat"
	"longlora/longqa/cut"
	"longlora/longqa/dice"
	"longlora/pipeline/card"
	"longlora/pipeline/limit"
	"longlora/pipeline/pack"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// Options says how examples become sequences.
type Options struct {
	// Out is the dataset's directory, Name its name; Overwrite replaces a dataset that is there.
	Out, Name string
	Overwrite bool
	Examples  *shard.Dataset
	// Splits are the splits to encode; none means all.
	Splits    []string
	Tokenizer *tokenizer.Tokenizer
	Template  prompt.Template
	// Context is the greatest number of tokens of a sequence.
	Context int
	// Packing names the pack.Packing that puts several examples into a sequence; "" is one each.
	Packing string
	// HFColumns adds the derived columns labels, position_ids and attention_mask.
	HFColumns bool
	// MaxDropped is the greatest part of the examples that may be dropped.
	MaxDropped limit.Limit
	// Workers is the number of files that are worked on at once; 0 means one a processor. The
	// result does not depend on it.
	Workers int
	// Progress is called, by many goroutines, with examples that were encoded; it may be nil.
	Progress func(examples int64)
}

// minContext is the least context: a template and a question take some tokens.
const minContext = 64

// Validate reports every problem at once.
func (o Options) Validate() error {
	var errs []error
	if k := o.Examples.Manifest().Kind; k != schemas.KindExample {
		errs = append(errs, fmt.Errorf("%s holds rows of kind %s, not %s; make examples with longqa "+
			"build", o.Examples.Dir(), k, schemas.KindExample))
	}
	if o.Context < minContext {
		errs = append(errs, fmt.Errorf("context %d is below %d", o.Context, minContext))
	}
	for _, s := range o.Splits {
		if !slices.Contains(o.Examples.Splits(), s) {
			errs = append(errs, fmt.Errorf("split %q is not in %s, which has %v", s, o.Examples.Dir(),
				o.Examples.Splits()))
		}
	}
	if o.Workers < 0 {
		errs = append(errs, fmt.Errorf("%d workers", o.Workers))
	}
	errs = append(errs, prompt.Fits(o.Tokenizer, o.Template))
	return errors.Join(errs...)
}

func (o Options) splits() []string {
	if len(o.Splits) == 0 {
		return o.Examples.Splits()
	}
	return slices.Sorted(slices.Values(o.Splits))
}

// config is all that the sequences depend on beside the examples and the tokenizer.
func (o Options) config() map[string]any {
	config := map[string]any{
		"stage": "longqa encode", "context": o.Context, "template": o.Template.Name(),
		"packing": o.Packing, "splits": o.splits(),
	}
	if o.HFColumns { // absent otherwise, as in datasets from before
		config["hf_columns"] = true
	}
	return config
}

// Report counts what was done.
type Report struct {
	Examples      int64 `json:"examples"` // that came in
	Cut           int64 `json:"cut"`      // whose material lost lines
	Dropped       int64 `json:"dropped"`
	Sequences     int64 `json:"sequences"`
	Tokens        int64 `json:"tokens"`
	LearnedTokens int64 `json:"learned_tokens"`
}

func (r *Report) add(o Report) {
	r.Examples += o.Examples
	r.Cut += o.Cut
	r.Dropped += o.Dropped
	r.Sequences += o.Sequences
	r.Tokens += o.Tokens
	r.LearnedTokens += o.LearnedTokens
}

const cardText = "Rendered and tokenized by `longqa encode` from the examples of `%s`, with the " +
	"prompt template `%s`, in sequences of at most %d tokens. The loss is on answers and what " +
	"ends them. Material that was too long lost lines without evidence: in %d of %d examples; %d " +
	"were dropped."

// Run builds the dataset. On an error nothing is published.
func Run(ctx context.Context, o Options) (*schemas.Manifest, Report, error) {
	if err := o.Validate(); err != nil {
		return nil, Report{}, fmt.Errorf("encode: %w", err)
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	t, examples := o.Tokenizer, o.Examples.Manifest()
	b, err := shard.Create(o.Out, shard.Options{
		Kind: schemas.KindSequence, Name: o.Name, Overwrite: o.Overwrite, Config: o.config(),
		Draw: card.Draw, HFColumns: o.HFColumns,
		Tokenizer: &schemas.TokenizerRef{
			Name: t.Name(), Digest: t.Digest(), VocabSize: t.VocabSize(),
		},
		TokenizerFile: t.Bytes(),
		Parents:       []schemas.Parent{{Name: examples.Name, Digest: examples.Digest}},
	})
	if err != nil {
		return nil, Report{}, err
	}
	m, report, err := build(ctx, o, b)
	if err != nil {
		return nil, report, errors.Join(fmt.Errorf("encode: %w", err), b.Abort())
	}
	return m, report, nil
}

func build(ctx context.Context, o Options, b *shard.Builder) (*schemas.Manifest, Report, error) {
	r, err := encodeFiles(ctx, o, b)
	if err != nil {
		return nil, r, err
	}
	err = o.MaxDropped.Check("examples were dropped", "--max-dropped", r.Dropped, r.Examples,
		b.Rejected())
	if err == nil && r.Sequences == 0 {
		err = fmt.Errorf("no sequence is left of %d examples", r.Examples)
	}
	if err != nil {
		return nil, r, err
	}
	b.Report("encoding", r)
	b.Describe(shard.Card{
		Text: fmt.Sprintf(cardText, o.Examples.Manifest().Name, o.Template.Name(), o.Context, r.Cut,
			r.Examples, r.Dropped),
		Tags: []string{"tokenized", "question-answering"},
	})
	m, err := b.Publish()
	return m, r, err
}

// encodeFiles encodes the files of the wanted splits.
func encodeFiles(ctx context.Context, o Options, b *shard.Builder) (total Report, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	jobs := make(chan int)
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range o.Workers {
		workers.Go(func() {
			for file := range jobs {
				w := &worker{o: o, b: b, cutter: cut.New(o.Tokenizer)}
				err := w.file(ctx, file)
				if err != nil {
					cancel(err)
					continue
				}
				mu.Lock()
				total.add(w.report)
				mu.Unlock()
			}
		})
	}
	for i, f := range o.Examples.Manifest().Files {
		if ctx.Err() == nil && slices.Contains(o.splits(), f.Split) {
			jobs <- i
		}
	}
	close(jobs)
	workers.Wait()
	return total, context.Cause(ctx)
}

// worker encodes one file of examples into the file of sequences with the same number.
type worker struct {
	o      Options
	b      *shard.Builder
	cutter *cut.Cutter
	report Report
	out    *shard.FileWriter[schemas.Sequence] // begun with the first sequence
	split  string
	number int
}

func (w *worker) file(ctx context.Context, number int) error {
	w.split, w.number = w.o.Examples.Manifest().Files[number].Split, number
	add, finish, err := w.packing()
	if err != nil {
		return err
	}
	for e, err := range shard.FileRows[schemas.Example](w.o.Examples, number) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = w.example(&e, add)
		}
		if err != nil {
			return err
		}
		if w.o.Progress != nil {
			w.o.Progress(1)
		}
	}
	if err := finish(); err != nil || w.out == nil {
		return err
	}
	return w.out.Close()
}

// packing returns what takes a tokenized example, and what ends the file.
func (w *worker) packing() (add func(pack.Sample) error, finish func() error, err error) {
	if w.o.Packing == "" {
		return w.alone, func() error { return nil }, nil
	}
	p, err := pack.New(pack.Options{
		Context: w.o.Context, Packing: w.o.Packing, OverLength: "error", Reject: w.b.Reject,
	}, w.write)
	if err != nil {
		return nil, nil, err
	}
	return p.Add, p.Close, nil
}

// alone writes a sequence of one example.
func (w *worker) alone(s pack.Sample) error {
	n := int32(len(s.Tokens))
	return w.write(schemas.Sequence{
		InputIDs: s.Tokens, DocLens: []int32{n}, LossSpans: s.Loss, LossWeights: []float32{1},
		Docs: []schemas.DocRef{{
			SampleID: s.ID, Source: s.Source, Licence: s.Licence, End: int64(n),
		}},
		NTokens: n,
	})
}

func (w *worker) write(s schemas.Sequence) (err error) {
	if w.out == nil {
		if w.out, err = shard.NewFile[schemas.Sequence](w.b, w.split, w.number); err != nil {
			return err
		}
	}
	w.report.Sequences++
	w.report.Tokens += int64(s.NTokens)
	return w.out.Write(s)
}

// example encodes one example and hands it on, or drops it.
func (w *worker) example(e *schemas.Example, add func(pack.Sample) error) error {
	w.report.Examples++
	encoded, shortened, err := w.fit(e)
	if drop, ok := errors.AsType[tooLong](err); ok {
		w.report.Dropped++
		w.b.Reject(e.ID, drop.reason, drop.detail)
		return nil
	}
	if err != nil {
		return fmt.Errorf("example %s: %w", e.ID, err)
	}
	if shortened {
		w.report.Cut++
	}
	s := pack.Sample{ID: e.ID, Source: e.AnswerSource, Licence: e.Licence, Tokens: encoded.IDs}
	for _, l := range encoded.Learn {
		s.Loss = append(s.Loss, schemas.LossSpan{Start: int32(l.Start), End: int32(l.End)})
		w.report.LearnedTokens += int64(l.End - l.Start)
	}
	if len(s.Loss) == 0 {
		return fmt.Errorf("example %s: the answer %q gives no token to learn", e.ID, e.Output)
	}
	return add(s)
}

// The reasons for dropping an example.
const (
	reasonLong     = "longer-than-context"
	reasonEvidence = "evidence-longer-than-context"
)

// tooLong is why an example is dropped.
type tooLong struct{ reason, detail string }

func (t tooLong) Error() string { return t.reason + ": " + t.detail }

// attempts bounds how often an example is cut anew: a count by lines is near the true one.
const attempts = 6

// fit encodes an example, with as much of its material as fits.
func (w *worker) fit(e *schemas.Example) (out prompt.Encoded, shortened bool, err error) {
	if out, err = w.render(e, ""); err != nil {
		return out, false, err
	}
	fixed := len(out.IDs)
	lines := w.cutter.Lines(e.Context)
	if fixed+lines.Total <= w.o.Context+lines.Total/16 {
		if out, err = w.render(e, e.Context); err != nil || len(out.IDs) <= w.o.Context {
			return out, false, err
		}
	}
	budget := w.o.Context - fixed - 2
	draw := dice.New("cut", e.ID).Float()
	for range attempts {
		material, _, err := w.cutter.Cut(lines, e.Evidence, budget, draw)
		if long, ok := errors.AsType[cut.TooLong](err); ok {
			return out, true, tooLong{reasonEvidence, long.Error()}
		}
		if err != nil {
			return out, true, err
		}
		if out, err = w.render(e, material); err != nil {
			return out, true, err
		}
		over := len(out.IDs) - w.o.Context
		if over <= 0 {
			return out, true, nil
		}
		budget -= over
	}
	detail := fmt.Sprintf("%d tokens, context %d", len(out.IDs), w.o.Context)
	return out, true, tooLong{reasonLong, detail}
}

func (w *worker) render(e *schemas.Example, material string) (prompt.Encoded, error) {
	return prompt.Encode(w.o.Tokenizer, w.o.Template, chat.Messages(e, material))
}
