package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/trainer/eval"
	"longlora/trainer/generate"
)

// passKeyFlags are those of eval passkey.
type passKeyFlags struct {
	modelFlags
	lengths []int
	trials  int
	seed    uint64
	json    bool
	// protocol is plain or upstream.
	protocol string
}

func evalPassKey() *cobra.Command {
	f := &passKeyFlags{}
	c := &cobra.Command{
		Use:   "passkey",
		Short: "Recall of a number hidden in a long text",
		Args:  cobra.NoArgs,
	}
	f.modelFlags.add(c)
	flags := c.Flags()
	flags.IntSliceVar(&f.lengths, "lengths", nil,
		"lengths of prompt and answer in tokens; default: the context, its half and its quarter")
	flags.IntVar(&f.trials, "trials", 10, "prompts for each length, at depths spread evenly")
	flags.Uint64Var(&f.seed, "seed", 1, "seed of the numbers")
	flags.StringVar(&f.protocol, "protocol", "plain",
		"plain, or upstream: the published test, whose depths, seeds and rough lengths are its own")
	flags.BoolVar(&f.json, "json", false, "write the result as JSON")
	c.RunE = func(c *cobra.Command, _ []string) error { return f.run(c) }
	return c
}

func (f *passKeyFlags) run(c *cobra.Command) error {
	if f.trials < 1 {
		return command.Usagef("--trials is %d, want at least 1", f.trials)
	}
	if f.protocol != "plain" && f.protocol != "upstream" {
		return command.Usagef("--protocol is %q; the protocols are plain and upstream", f.protocol)
	}
	m, err := f.open()
	if err != nil {
		return err
	}
	defer m.Close()
	tok, err := tokenizerOf(m)
	if err != nil {
		return err
	}
	if n := m.Options().Context; len(f.lengths) == 0 {
		f.lengths = []int{n / 4, n / 2, n}
	}
	p := &eval.PassKey{Tokenizer: tok, Trials: f.trials, Seed: f.seed}
	p.Generate = func(ctx context.Context, prompt []int32, n int) ([]int32, error) {
		return generate.Run(ctx, m.Model, prompt, generate.Options{MaxNew: n}, generate.Watch{})
	}
	measure := p.Measure
	if f.protocol == "upstream" {
		measure = p.MeasureUpstream
	}
	results := []eval.Recall{}
	for _, length := range f.lengths {
		r, err := measure(c.Context(), length)
		if err != nil {
			return err
		}
		if !f.json {
			fmt.Fprintf(c.OutOrStdout(), "%d tokens: %d of %d\n", r.Tokens, r.Correct, r.Trials)
		}
		results = append(results, r)
	}
	if f.json {
		return writeJSON(c.OutOrStdout(), results)
	}
	return nil
}
