package cli

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/schemas"
	"longlora/schemas/shard"
	"longlora/trainer/eval"
	"longlora/trainer/open"
)

// farCopyFlags are those of eval far-copy.
type farCopyFlags struct {
	modelFlags
	base, shards, split string
	trained             []string
	sequences, step     int
	seed                uint64
	json                bool
}

func evalFarCopy() *cobra.Command {
	f := &farCopyFlags{}
	c := &cobra.Command{
		Use:   "far-copy --model DIR --shards DIR",
		Short: "Loss on identifiers last seen far back, against two baselines",
		Long: "The loss of a fine-tuned model on Go identifiers that were last seen further back than " +
			"its base\ncan read, against the base in a sliding window of its own context and the base " +
			"with its RoPE\nextended as the model's, untrained: all on the same identifiers of documents " +
			"that none was\ntrained on. Exits with 1 unless the model beats both beyond the 95 % " +
			"interval.",
		Args: cobra.NoArgs,
	}
	f.modelFlags.add(c)
	flags := c.Flags()
	flags.StringVar(&f.base, "base", open.Base, "the model before fine-tuning")
	flags.StringVar(&f.shards, "shards", "", "sequence shards of Go packages (required)")
	flags.StringVar(&f.split, "split", "test", "split to score")
	flags.StringArrayVar(&f.trained, "trained-on", nil,
		"a dataset that the fine-tuning read: its documents may not be scored (repeatable)")
	flags.IntVar(&f.sequences, "sequences", 16, "number of documents, each of the model's context")
	flags.IntVar(&f.step, "step", 64, "tokens by which the sliding window moves")
	flags.Uint64Var(&f.seed, "seed", 1, "seed of the bootstrap")
	flags.BoolVar(&f.json, "json", false, "write the result as JSON")
	c.RunE = func(c *cobra.Command, _ []string) error { return f.run(c) }
	return c
}

func (f *farCopyFlags) run(c *cobra.Command) error {
	if f.shards == "" {
		return command.Usagef("--shards is required: a directory that pipeline encode made")
	}
	if f.sequences < 1 || f.step < 1 {
		return command.Usagef("--sequences is %d and --step is %d, want at least 1",
			f.sequences, f.step)
	}
	report, err := f.compare(c)
	if err != nil {
		return err
	}
	if f.json {
		err = writeJSON(c.OutOrStdout(), report)
	} else {
		err = writeFarCopy(c.OutOrStdout(), report)
	}
	if err == nil && !report.Passed {
		err = errors.New("far-copy: the model does not beat every baseline beyond the 95 % interval")
	}
	return err
}

// compare measures the model, which determines the documents, and then its baselines.
func (f *farCopyFlags) compare(c *cobra.Command) (report eval.FarCopyReport, err error) {
	base, err := open.Open(open.Options{Model: f.base, Threads: f.Threads})
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, base.Close()) }()
	m, err := f.open()
	if err != nil {
		return report, err
	}
	near, far, kind := base.Options().Context, m.Options().Context, m.Config.RoPE.Kind
	measure, docs, err := f.prepare(c, m, near, far)
	if err != nil {
		return report, errors.Join(err, m.Close())
	}
	model, err := f.measure(c, measure, m, eval.System{Name: "finetuned"}, docs)
	if err = errors.Join(err, m.Close()); err != nil {
		return report, err
	}
	window, err := f.measure(c, measure, base,
		eval.System{Name: fmt.Sprintf("window%d", near), Window: near, Step: f.step}, docs)
	if err != nil {
		return report, err
	}
	long, err := open.Open(open.Options{
		Model: f.base, Context: far, Rope: kind, Threads: f.Threads,
	})
	if err != nil {
		return report, err
	}
	interpolated, err := f.measure(c, measure, long, eval.System{Name: "interpolated"}, docs)
	if err = errors.Join(err, long.Close()); err != nil {
		return report, err
	}
	return measure.Report(window, interpolated, model)
}

// prepare returns the measure and the documents that it is taken on.
func (f *farCopyFlags) prepare(c *cobra.Command, m *open.Model, near, far int) (
	*eval.FarCopy, []eval.Piece, error) {
	if far <= near {
		return nil, nil, fmt.Errorf("far-copy: the model reads %d tokens, its base %d: there is nothing "+
			"further back to see", far, near)
	}
	d, err := openDataset(c.Context(), f.shards)
	if err != nil {
		return nil, nil, err
	}
	if err := checkTokenizer(d, m); err != nil {
		return nil, nil, err
	}
	tok, err := tokenizerOf(m)
	if err != nil {
		return nil, nil, err
	}
	r, err := d.Sequences(c.Context(), shard.SequenceOptions{Split: f.split})
	if err != nil {
		return nil, nil, err
	}
	defer r.Release()
	docs, err := eval.Pieces(eval.Sequences(r, 0), far, f.sequences)
	if err != nil {
		return nil, nil, fmt.Errorf("far-copy: split %s of %s: %w", f.split, f.shards, err)
	}
	measure := &eval.FarCopy{Near: near, Far: far, Tokenizer: tok, Seed: f.seed}
	return measure, docs, f.refuseSeen(docs)
}

// refuseSeen fails if the base or the fine-tuning was trained on one of the documents.
func (f *farCopyFlags) refuseSeen(docs []eval.Piece) error {
	seen, err := eval.Seen(open.Folder(f.base))
	if err != nil {
		return fmt.Errorf("model %s: %w", f.base, err)
	}
	for _, d := range docs {
		if seen[d.ID] {
			return fmt.Errorf("far-copy: the model %s was trained on document %s of %s; score a split "+
				"that it has not seen", f.base, d.ID, f.shards)
		}
	}
	for _, dir := range f.trained {
		trained, err := trainedOn(dir)
		if err != nil {
			return err
		}
		for _, d := range docs {
			if trained[d.ID] {
				return fmt.Errorf("far-copy: document %s is in the split train of %s too, which the "+
					"fine-tuning read", d.ID, dir)
			}
		}
	}
	return nil
}

// trainedOn returns the documents of a dataset's split train.
func trainedOn(dir string) (map[string]bool, error) {
	d, err := shard.Open(dir)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	if d.Manifest().Kind == schemas.KindExample {
		for e, err := range shard.Rows[schemas.Example](d, "train") {
			if err != nil {
				return nil, err
			}
			for _, id := range e.DocIDs {
				seen[id] = true
			}
		}
		return seen, nil
	}
	for s, err := range shard.Rows[schemas.Sequence](d, "train") {
		if err != nil {
			return nil, err
		}
		for _, doc := range s.Docs {
			seen[eval.Origin(doc.SampleID)] = true
		}
	}
	return seen, nil
}

// measure runs one system.
func (f *farCopyFlags) measure(c *cobra.Command, measure *eval.FarCopy, m *open.Model,
	y eval.System, docs []eval.Piece) (eval.FarCopyResult, error) {
	var err error
	if y.Scorer, err = newScorer(m, "full", 0); err != nil {
		return eval.FarCopyResult{}, err
	}
	bar := command.NewProgress(c.ErrOrStderr(), "eval far-copy "+y.Name, y.Tokens(docs), "tokens")
	defer bar.Done()
	return measure.Measure(c.Context(), y, docs, func(n int) { bar.Add(int64(n)) })
}

func writeFarCopy(w io.Writer, r eval.FarCopyReport) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%d identifiers in %d documents, last seen %d to %d tokens back\n",
		r.Targets, r.Sequences, r.Near, r.Far)
	fmt.Fprintln(t, "system\tloss (nats)\t95 % interval\tperplexity of all tokens")
	for _, y := range r.Systems {
		fmt.Fprintf(t, "%s\t%.3f\t%.3f to %.3f\t%.3f\n",
			y.System, y.NLL, y.CI95[0], y.CI95[1], y.All.Perplexity)
	}
	for _, d := range r.Differences {
		fmt.Fprintf(t, "better than %s by\t%.3f\t%.3f to %.3f\n",
			d.Baseline, d.Mean, d.CI95[0], d.CI95[1])
	}
	return t.Flush()
}
