package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/schemas/shard"
	"longlora/trainer/eval"
	"longlora/trainer/open"
)

// shortFlags are those of eval short.
type shortFlags struct {
	modelFlags
	base, shards, split string
	limit, sequences    int
	checkTokenizer      bool
	json                bool
}

func evalShort() *cobra.Command {
	f := &shortFlags{}
	c := &cobra.Command{
		Use:   "short --shards DIR --base MODEL",
		Short: "What an extension did to texts that the base reads",
		Long: "Compare a model with its base on the beginnings of documents, as far as the base reads: the\n" +
			"loss of each, and the difference with its 95 % interval over documents.",
		Args: cobra.NoArgs,
	}
	f.modelFlags.add(c)
	flags := c.Flags()
	flags.StringVar(&f.base, "base", "",
		"the model before its extension; default: the base that --adapter names")
	flags.StringVar(&f.shards, "shards", "", "dataset directory of sequence shards (required)")
	flags.StringVar(&f.split, "split", "validation", "split to score")
	flags.IntVar(&f.limit, "limit", 0, "most tokens of a document; 0: the base's context")
	flags.IntVar(&f.sequences, "sequences", 0, "score only the first sequences; 0: all")
	flags.BoolVar(&f.checkTokenizer, "check-tokenizer", true,
		"require the shards' tokenizer to be the model's")
	flags.BoolVar(&f.json, "json", false, "write the result as JSON")
	c.RunE = func(c *cobra.Command, _ []string) error { return f.run(c) }
	return c
}

func (f *shortFlags) run(c *cobra.Command) error {
	if f.shards == "" {
		return command.Usagef("--shards is required: a directory that pipeline encode made")
	}
	if f.base == "" && f.Adapter == "" {
		return command.Usagef("--base is required: the model before its extension")
	}
	if f.limit < 0 || f.sequences < 0 {
		return command.Usagef("--limit is %d and --sequences is %d, want at least 0", f.limit, f.sequences)
	}
	d, err := openDataset(c.Context(), f.shards)
	if err != nil {
		return err
	}
	r, err := f.measure(c, d)
	if err != nil {
		return err
	}
	if f.json {
		return writeJSON(c.OutOrStdout(), r)
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%d documents of at most %d tokens, %d tokens: loss %.4f, the "+
		"base's %.4f; better by %.4f (95 %% interval %.4f to %.4f)\n", r.Documents, r.Limit, r.Tokens,
		r.Model, r.Base, r.Difference.Mean, r.Difference.CI95[0], r.Difference.CI95[1])
	return err
}

// measure runs the base and then the model, one at a time in memory.
func (f *shortFlags) measure(c *cobra.Command, d *shard.Dataset) (eval.ShortResult, error) {
	base := f.base
	if base == "" {
		a, err := open.Adapter(f.Adapter)
		if err != nil {
			return eval.ShortResult{}, err
		}
		base = a.Base
		if err := a.Close(); err != nil {
			return eval.ShortResult{}, err
		}
	}
	before, err := f.losses(c, d, modelFlags{Options: open.Options{Model: base, Threads: f.Threads},
		rope: f.rope, weights: f.weights})
	if err != nil {
		return eval.ShortResult{}, err
	}
	after, err := f.losses(c, d, f.modelFlags)
	if err != nil {
		return eval.ShortResult{}, err
	}
	return eval.CompareShort(before, after, f.limit, 1)
}

func (f *shortFlags) losses(c *cobra.Command, d *shard.Dataset, flags modelFlags) ([]eval.Cluster,
	error) {
	m, err := flags.open()
	if err != nil {
		return nil, err
	}
	defer m.Close()
	if f.checkTokenizer {
		if err := checkTokenizer(d, m); err != nil {
			return nil, err
		}
	}
	if f.limit == 0 {
		f.limit = m.Options().Context
	}
	scorer, err := newScorer(m, "full", 0)
	if err != nil {
		return nil, err
	}
	r, err := d.Sequences(c.Context(), shard.SequenceOptions{Split: f.split})
	if err != nil {
		return nil, err
	}
	defer r.Release()
	bar := command.NewProgress(c.ErrOrStderr(), "eval short: "+m.Name, 0, "tokens")
	defer bar.Done()
	return eval.Short(c.Context(), scorer, eval.Sequences(r, f.sequences), f.limit,
		func(tokens int) { bar.Add(int64(tokens)) })
}
