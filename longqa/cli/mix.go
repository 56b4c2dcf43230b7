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

// mixFlags are the flags of longqa mix.
type mixFlags struct {
	blend.Options
	long, short, allow, deny, evaluation []string
}

func newMix() *cobra.Command {
	var f mixFlags
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
		RunE: func(c *cobra.Command, _ []string) error { return runMix(c, f) },
	}
	fs := c.Flags()
	fs.StringArrayVar(&f.long, "long", nil,
		"example dataset that is kept whole, by path or URL; may be given again")
	fs.StringArrayVar(&f.short, "short", nil,
		"example dataset that rows are drawn from, by path or URL; may be given again")
	fs.StringVar(&f.Out, "out", "", "directory of the new dataset")
	fs.StringVar(&f.Name, "name", "longqa-mixed", "name of the new dataset")
	fs.BoolVar(&f.Overwrite, "overwrite", false, "replace the dataset that is there")
	fs.Float64Var(&f.Share, "share", 0.25, "part of a split's rows that are short")
	fs.StringSliceVar(&f.Splits, "split", []string{"train"}, "splits that get short rows")
	fs.StringVar(&f.Seed, "seed", "", "word that draws the short rows")
	fs.StringArrayVar(&f.evaluation, "decontaminate", nil, evaluationUsage)
	fs.StringSliceVar(&f.allow, "allow-licence", nil, "SPDX identifiers or patterns to let through only")
	fs.StringSliceVar(&f.deny, "deny-licence", nil,
		"SPDX identifiers or patterns to leave out, as *-NC-*")
	fs.SetNormalizeFunc(american)
	return c
}

func runMix(c *cobra.Command, f mixFlags) (err error) {
	if len(f.long) == 0 || len(f.short) == 0 || f.Out == "" {
		return command.Usagef("mix needs --long, --short and --out")
	}
	if f.Gate, err = licence.New(f.allow, f.deny); err != nil {
		return command.Usagef("mix: %w", err)
	}
	for _, side := range []struct {
		dirs []string
		to   *[]*shard.Dataset
	}{{f.long, &f.Long}, {f.short, &f.Short}} {
		for _, dir := range side.dirs {
			d, err := openDataset(c.Context(), dir)
			if err != nil {
				return fmt.Errorf("mix: %w", err)
			}
			*side.to = append(*side.to, d)
		}
	}
	if f.Evaluation, err = evaluation(c, "mix", nil, f.evaluation); err != nil {
		return fmt.Errorf("mix: %w", err)
	}
	r := build.Default()
	f.Figures = figures.New(r.Bands(), r.Limits.FarApart)
	m, report, err := blend.Run(c.Context(), f.Options)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %d long rows, %d short, %d left out by licence, %d with text "+
		"of held-out questions, %d with text of evaluation sets, digest %s\n", f.Out, sumOf(report.Long),
		sumOf(report.Short), report.Denied, report.Leaked, report.Evaluation, m.Digest)
	return err
}
