package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"longlora/internal/atomicfile"
	"longlora/internal/command"
	"longlora/schemas/shard"
	"longlora/trainer/eval"
	"longlora/trainer/generate"
	"longlora/trainer/open"
	"longlora/trainer/retrieval"
	"longlora/trainer/suite"
)

// suiteFlags are those of eval suite.
type suiteFlags struct {
	modelFlags
	gridFlags
	shards, split, base, out string
	sequences, trials        int
	checkTokenizer           bool
}

func evalSuite() *cobra.Command {
	f := &suiteFlags{}
	c := &cobra.Command{
		Use:   "suite --out DIR",
		Short: "Everything about a model's long context: one JSON and one page",
		Long: "Measure retrieval, the published pass-key test and, with --shards, the loss by position and\n" +
			"by context and (with --base, or an adapter) what the extension did to short texts. Writes\n" +
			"suite.json, suite.html with heat-maps and curves, and samples.jsonl.",
		Args: cobra.NoArgs,
	}
	f.modelFlags.add(c)
	f.gridFlags.add(c)
	flags := c.Flags()
	flags.StringVar(&f.out, "out", "", "directory to write (required)")
	flags.StringVar(&f.shards, "shards", "", "dataset directory of sequence shards to take losses on")
	flags.StringVar(&f.split, "split", "validation", "split to score")
	flags.StringVar(&f.base, "base", "", "the model before its extension; default: the adapter's base")
	flags.IntVar(&f.sequences, "sequences", 0, "score only the first sequences; 0: all")
	flags.IntVar(&f.trials, "trials", 10, "prompts of the published pass-key test for each length")
	flags.BoolVar(&f.checkTokenizer, "check-tokenizer", true,
		"require the shards' tokenizer to be the model's")
	c.RunE = func(c *cobra.Command, _ []string) error { return f.run(c) }
	return c
}

func (f *suiteFlags) run(c *cobra.Command) error {
	if f.out == "" {
		return command.Usagef("--out is required")
	}
	if f.sequences < 0 || f.trials < 1 {
		return command.Usagef("--sequences is %d, want at least 0; --trials is %d, want at least 1",
			f.sequences, f.trials)
	}
	var d *shard.Dataset
	if f.shards != "" {
		var err error
		if d, err = openDataset(c.Context(), f.shards); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(f.out, 0o777); err != nil {
		return err
	}
	s := &suite.Suite{}
	if err := f.withModel(c, d, s); err != nil {
		return err
	}
	if d != nil && (f.base != "" || f.Adapter != "") {
		short := &shortFlags{modelFlags: f.modelFlags, base: f.base, split: f.split,
			sequences: f.sequences, checkTokenizer: f.checkTokenizer}
		r, err := short.measure(c, d)
		if err != nil {
			return err
		}
		s.Short = &r
	}
	if err := s.Write(f.out); err != nil {
		return err
	}
	_, err := fmt.Fprintln(c.OutOrStdout(), filepath.Join(f.out, suite.PageName))
	return err
}

// withModel takes what needs the model alone.
func (f *suiteFlags) withModel(c *cobra.Command, d *shard.Dataset, s *suite.Suite) error {
	m, err := f.open()
	if err != nil {
		return err
	}
	defer m.Close()
	s.Model = describeModel(m, f.Adapter, f.window)
	if d != nil {
		if err := f.losses(c, d, m, s); err != nil {
			return err
		}
	}
	if err := f.passKey(c, m, s); err != nil {
		return err
	}
	samples, err := atomicfile.Create(filepath.Join(f.out, suite.SamplesName))
	if err != nil {
		return err
	}
	var r retrieval.Result
	if r, err = f.gridFlags.run(c, m, samples); err != nil {
		return errors.Join(err, samples.Abort())
	}
	s.Retrieval = &r
	return samples.Commit()
}

// losses takes the loss by position, and with documents in pieces of ever more tokens.
func (f *suiteFlags) losses(c *cobra.Command, d *shard.Dataset, m *open.Model, s *suite.Suite) error {
	p := &perplexityFlags{split: f.split, attention: "full", sequences: f.sequences}
	if f.checkTokenizer {
		if err := checkTokenizer(d, m); err != nil {
			return err
		}
	}
	s.Shards = map[string]suite.ShardIdentity{"loss": {Name: d.Manifest().Name,
		Digest: d.Manifest().Digest, Split: f.split}}
	context := m.Options().Context
	for length := min(context, 256); ; length = min(2*length, context) {
		r, err := p.measureUpTo(c, d, m, eval.PerToken, length)
		if err != nil {
			return err
		}
		s.ByContext = append(s.ByContext, suite.ContextLoss{Context: length, NLL: r.NLL, Tokens: r.Tokens})
		if length == context {
			s.Perplexity = &r
			return nil
		}
	}
}

func (f *suiteFlags) passKey(c *cobra.Command, m *open.Model, s *suite.Suite) error {
	tok, err := tokenizerOf(m)
	if err != nil {
		return err
	}
	p := &eval.PassKey{Tokenizer: tok, Trials: f.trials}
	p.Generate = func(ctx context.Context, prompt []int32, n int) ([]int32, error) {
		return generate.Run(ctx, m.Model, prompt, generate.Options{MaxNew: n}, generate.Watch{})
	}
	for _, part := range []int{4, 2, 1} {
		// The published prompts are only roughly as long as asked, by the tokenizer more or less.
		length := m.Options().Context / part * 3 / 4
		if eval.UpstreamGarbage(length) == 0 {
			continue
		}
		r, err := p.MeasureUpstream(c.Context(), length)
		var long *generate.TooLongError
		if errors.As(err, &long) {
			continue
		}
		if err != nil {
			return err
		}
		s.PassKey = append(s.PassKey, r)
	}
	return nil
}
