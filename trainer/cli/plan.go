package cli

import (
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"longlora/internal/command"
	"longlora/trainer/run"
)

// planned are the options of a run that its memory depends on.
var planned = []string{
	"model", "init", "context", "rope", "method", "train", "lora_targets", "lora_rank", "engine", "weights",
	"recompute", "micro_tokens",
}

func planCommand() *cobra.Command {
	options := run.Defaults()
	var limit float64
	c := &cobra.Command{
		Use:   "plan",
		Short: "Say what memory a training takes, and the longest context that fits",
		Long: "Say what memory a training takes by parts, and the longest context that fits. The\n" +
			"options are those of sft; no shards are read. All is counted exactly but the process's\n" +
			"own share.",
		Args: cobra.NoArgs,
	}
	bindSome(c.Flags(), &options, planned)
	c.Flags().Float64Var(&limit, "limit", 0,
		"memory that there is, in MiB; 0: the machine's, or the container's if that is less")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if !(limit >= 0) {
			return command.Usagef("--limit is %g, want 0 or more", limit)
		}
		options.Shards = "none" // what Validate asks for, and a plan does not
		if err := options.Validate(); err != nil {
			return command.Usagef("%v", err)
		}
		return run.Plan(c.Context(), options, int64(limit*(1<<20)), c.OutOrStdout())
	}
	return c
}

// bindSome is bindOptions for the options with these keys.
func bindSome(flags *pflag.FlagSet, c *run.Config, keys []string) {
	var all pflag.FlagSet
	bindOptions(&all, c)
	for _, f := range c.Fields() {
		if slices.Contains(keys, f.Key) {
			flags.AddFlag(all.Lookup(f.Flag))
		}
	}
}
