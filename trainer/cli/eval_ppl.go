package cli

import (
	"context"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/kernels"
	"longlora/kernels/pattern"
	"longlora/schemas"
	"longlora/schemas/shard"
	"longlora/trainer/eval"
	"longlora/trainer/open"
)

// perplexityFlags are those of eval ppl.
type perplexityFlags struct {
	modelFlags
	shards, split, protocol, attention string
	// tokens is a file of LongLoRA's evaluation data, instead of shards.
	tokens               string
	group, sequences     int
	checkTokenizer, json bool
}

func evalPerplexity() *cobra.Command {
	f := &perplexityFlags{}
	c := &cobra.Command{
		Use:   "ppl (--shards DIR | --tokens FILE)",
		Short: "Perplexity of a model on sequence shards, by position",
		Long: "Perplexity of a model on sequence shards, by position, or on a file of LongLoRA's evaluation\n" +
			"data (PG19, proof-pile: token ids of 16 bits).\n\n" +
			"Protocol once scores each target of the shards once, each document by itself. Protocol " +
			"upstream is\nthe published one: one stream of all tokens, windows that start every 256 " +
			"tokens, each position of\neach window scored. Attention is full unless asked otherwise.",
		Args: cobra.NoArgs,
	}
	f.modelFlags.add(c)
	flags := c.Flags()
	flags.StringVar(&f.shards, "shards", "", "dataset directory of sequence shards")
	flags.StringVar(&f.tokens, "tokens", "",
		"file of token ids as little-endian uint16, with --protocol upstream, instead of --shards")
	flags.StringVar(&f.split, "split", "validation", "split to score")
	flags.StringVar(&f.protocol, "protocol", eval.PerTokenName, "once or upstream")
	flags.StringVar(&f.attention, "attention", "full", "attention pattern: full, s2, local or shifted")
	flags.IntVar(&f.group, "group", 0, "group size of s2 in tokens; 0: a quarter of the context")
	flags.IntVar(&f.sequences, "sequences", 0, "score only the first sequences; 0: all")
	flags.BoolVar(&f.checkTokenizer, "check-tokenizer", true,
		"require the shards' tokenizer to be the model's")
	flags.BoolVar(&f.json, "json", false, "write the result as JSON")
	c.RunE = func(c *cobra.Command, _ []string) error { return f.run(c) }
	return c
}

func (f *perplexityFlags) run(c *cobra.Command) error {
	if (f.shards == "") == (f.tokens == "") {
		return command.Usagef("give either --shards, a directory that pipeline encode made, or --tokens")
	}
	if f.tokens != "" && f.protocol != eval.WindowsName {
		return command.Usagef("--tokens has no documents, which --protocol %s goes by; give --protocol %s",
			f.protocol, eval.WindowsName)
	}
	if f.group < 0 || f.sequences < 0 {
		return command.Usagef("--group is %d and --sequences is %d, want at least 0",
			f.group, f.sequences)
	}
	measure, err := protocolOf(f.protocol)
	if err != nil {
		return err
	}
	r, err := f.perplexity(c, measure)
	if err != nil {
		return err
	}
	if f.json {
		return writeJSON(c.OutOrStdout(), r)
	}
	return writePerplexity(c.OutOrStdout(), r)
}

// perplexity measures on shards or on a file of tokens.
func (f *perplexityFlags) perplexity(c *cobra.Command, measure protocol) (r eval.Perplexity, err error) {
	var d *shard.Dataset
	if f.shards != "" {
		if d, err = openDataset(c.Context(), f.shards); err != nil {
			return r, err
		}
	}
	m, err := f.open()
	if err != nil {
		return r, err
	}
	defer m.Close()
	if d == nil {
		return f.ofTokens(c, m, measure)
	}
	if f.checkTokenizer {
		if err := checkTokenizer(d, m); err != nil {
			return r, err
		}
	}
	return f.measure(c, d, m, measure)
}

// ofTokens measures on a file of tokens.
func (f *perplexityFlags) ofTokens(c *cobra.Command, m *open.Model, run protocol) (r eval.Perplexity,
	err error) {
	file, err := os.Open(f.tokens)
	if err != nil {
		return r, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	scorer, err := newScorer(m, f.attention, f.group)
	if err != nil {
		return r, err
	}
	bar := command.NewProgress(c.ErrOrStderr(), "eval ppl", 0, "tokens")
	defer bar.Done()
	return run(c.Context(), scorer, eval.Tokens(file, f.tokens, m.Config.Model.Vocab), m.Options().Context,
		func(tokens int) { bar.Add(int64(tokens)) })
}

// protocol is eval.PerToken or eval.Windows.
type protocol func(context.Context, eval.Scorer, iter.Seq2[schemas.Sequence, error], int,
	eval.Progress) (eval.Perplexity, error)

func protocolOf(name string) (protocol, error) {
	switch name {
	case eval.PerTokenName:
		return eval.PerToken, nil
	case eval.WindowsName:
		return eval.Windows, nil
	}
	return nil, command.Usagef("--protocol is %q; the protocols are %s and %s",
		name, eval.PerTokenName, eval.WindowsName)
}

func (f *perplexityFlags) measure(c *cobra.Command, d *shard.Dataset, m *open.Model,
	run protocol) (eval.Perplexity, error) {
	return f.measureUpTo(c, d, m, run, m.Options().Context)
}

// measureUpTo measures in pieces or windows of so many tokens.
func (f *perplexityFlags) measureUpTo(c *cobra.Command, d *shard.Dataset, m *open.Model,
	run protocol, tokens int) (eval.Perplexity, error) {
	scorer, err := newScorer(m, f.attention, f.group)
	if err != nil {
		return eval.Perplexity{}, err
	}
	r, err := d.Sequences(c.Context(), shard.SequenceOptions{Split: f.split})
	if err != nil {
		return eval.Perplexity{}, err
	}
	defer r.Release()
	bar := command.NewProgress(c.ErrOrStderr(), "eval ppl", 0, "tokens")
	defer bar.Done()
	return run(c.Context(), scorer, eval.Sequences(r, f.sequences), tokens,
		func(tokens int) { bar.Add(int64(tokens)) })
}

// scorerTokens is the least number of tokens that are run through a model together: fewer would
// leave the machine waiting.
const scorerTokens = 4096

// newScorer returns the Scorer of a model under a named attention pattern.
func newScorer(m *open.Model, attention string, group int) (eval.Scorer, error) {
	of, err := pattern.Lookup(attention)
	if err != nil {
		return nil, command.Usagef("--attention: %w", err)
	}
	context := m.Options().Context
	if group == 0 {
		group = max(context/4, 1)
	}
	segments := func(docLens []int32) kernels.Segments {
		return of(pattern.Layout{DocLens: docLens, Heads: m.Config.Model.Heads, Group: group})
	}
	return eval.OfModel(m.Model, segments, max(context, scorerTokens)), nil
}

func writePerplexity(w io.Writer, r eval.Perplexity) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "from\tto\ttokens\tloss\tperplexity\t")
	for _, b := range r.Buckets {
		fmt.Fprintf(t, "%d\t%d\t%d\t%.4f\t%.3f\t\n", b.From, b.To, b.Tokens, b.NLL, math.Exp(b.NLL))
	}
	fmt.Fprintf(t, "all\t\t%d\t%.4f\t%.3f\t\n", r.Tokens, r.NLL, r.Perplexity)
	return t.Flush()
}
