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
	"model", "init", "adapter", "context", "rope", "method", "train", "lora_targets", "lora_pattern",
	"lora_rank", "lora_ranks", "train_tokens", "rslora", "dora", "lora_dropout", "engine", "weights",
	"recompute", "memory", "micro_tokens", "device", "gpu_memory", "embed_moments", "attention",
	"group", "attn_schedule", "attn_layers", "steps", "optimizer", "neftune",
}

func planCommand() *cobra.Command {
	options := run.Defaults()
	c := &cobra.Command{
		Use:   "plan",
		Short: "Say what memory a training takes, and the longest context that fits",
		Long: "Say what memory a training takes by parts, what of each layer is kept and what computed\n" +
			"again, and the longest context that fits. The options are those of sft; no shards are read.\n" +
			"All is counted exactly but the process's own share. With --gpu-memory, or --device cuda, it is\n" +
			"a training on a GPU, which need not be here: its memory and the host's, and the speed at rates\n" +
			"that are assumed, with S2 and with full attention.",
		Args: cobra.NoArgs,
	}
	bindSome(c.Flags(), &options, planned)
	groupFlags(c, options.Fields())
	c.RunE = func(c *cobra.Command, _ []string) error {
		options.Shards = "none" // what Validate asks for, and a plan does not
		if err := options.Validate(); err != nil {
			return command.Usagef("%v", err)
		}
		return run.Plan(c.Context(), options, c.OutOrStdout())
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
