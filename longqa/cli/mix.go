package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/longqa/blend"
	"longlora/longqa/build"
	"longlora/longqa/figures"
	"longlora/pipeline/licence"
	"longlora/schemas/shard"
)

func newMix() *cobra.Command {
	var o blend.Options
	var long, short, allow, deny, sets []string
	c := &cobra.Command{
		Use:   "mix --long DIR --short DIR --out DIR",
		Short: "Put long rows and a share of short instructions together",
		Long: "Put datasets of long rows together with a share of short instructions, so that a model\n" +
			"that learns to read long material keeps its skill with short ones. Short rows come from\n" +
			"longqa import: --source go-doc makes some from the Go tree, without another licence than\n" +
			"Go's; --source stanford-alpaca and --format read others.",
		Example: "  longqa import --source go-doc \"$(go env GOROOT)\" --out build/short\n" +
			"  longqa mix --long build/longqa --short build/short --share 0.25 --out build/mixed",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runMix(c, o, long, short, allow, deny, sets) },
	}
	fs := c.Flags()
	fs.StringArrayVar(&long, "long", nil, "example dataset that is kept whole, a path or a URL; may be given again")
	fs.StringArrayVar(&short, "short", nil, "example dataset that rows are drawn from, a path or a URL; may be given again")
	fs.StringVar(&o.Out, "out", "", "directory of the new dataset")
	fs.StringVar(&o.Name, "name", "longqa-mixed", "name of the new dataset")
	fs.BoolVar(&o.Overwrite, "overwrite", false, "replace the dataset that is there")
	fs.Float64Var(&o.Share, "share", 0.25, "part of a split's rows that are short")
	fs.StringSliceVar(&o.Splits, "split", []string{"train"}, "splits that get short rows")
	fs.StringVar(&o.Seed, "seed", "", "word that draws the short rows")
	fs.StringArrayVar(&sets, "decontaminate", nil, evaluationUsage)
	fs.StringSliceVar(&allow, "allow-licence", nil, "SPDX identifiers or patterns to let through only")
	fs.StringSliceVar(&deny, "deny-licence", nil,
		"SPDX identifiers or patterns to leave out, as *-NC-*")
	fs.SetNormalizeFunc(american)
	return c
}

func runMix(c *cobra.Command, o blend.Options, long, short, allow, deny,
	sets []string) (err error) {
	if len(long) == 0 || len(short) == 0 || o.Out == "" {
		return command.Usagef("mix needs --long, --short and --out")
	}
	if o.Gate, err = licence.New(allow, deny); err != nil {
		return command.Usagef("mix: %w", err)
	}
	for _, side := range []struct {
		dirs []string
		to   *[]*shard.Dataset
	}{{long, &o.Long}, {short, &o.Short}} {
		for _, dir := range side.dirs {
			d, err := openDataset(c.Context(), dir)
			if err != nil {
				return fmt.Errorf("mix: %w", err)
			}
			*side.to = append(*side.to, d)
		}
	}
	if o.Evaluation, err = evaluation(c, "mix", nil, sets); err != nil {
		return fmt.Errorf("mix: %w", err)
	}
	r := build.Default()
	o.Figures = figures.New(r.Bands(), r.Limits.FarApart)
	m, report, err := blend.Run(c.Context(), o)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %d long rows, %d short, %d left out by licence, %d with text "+
		"of held-out questions, %d with text of evaluation sets, digest %s\n", o.Out, sumOf(report.Long),
		sumOf(report.Short), report.Denied, report.Leaked, report.Evaluation, m.Digest)
	return err
}
