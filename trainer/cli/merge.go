package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/trainer/merge"
	"longlora/trainer/rope"
	"longlora/trainer/safetensors"
)

// mergeFlags are those of merge.
type mergeFlags struct {
	model, adapter, out, dtype, rope string
	context                          int
	overwrite                        bool
}

func mergeCommand() *cobra.Command {
	f := &mergeFlags{}
	c := &cobra.Command{
		Use:   "merge --adapter DIR --out DIR",
		Short: "Fold an adapter into its base model",
		Long: "Write a model folder that needs no adapter: transformers and this program read it. The " +
			"extended\nRoPE is part of it.",
		Args: cobra.NoArgs,
	}
	flags := c.Flags()
	flags.StringVar(&f.model, "model", "", "base model; default: the one that the adapter names")
	flags.StringVar(&f.adapter, "adapter", "", "adapter, or the run that made it (required)")
	flags.StringVar(&f.out, "out", "", "directory of the merged model (required)")
	flags.StringVar(&f.dtype, "dtype", "", "storage type, f32, bf16 or f16; default: the base's")
	flags.IntVar(&f.context, "context", 0,
		"positions that the adapter was trained for, if it does not say; RoPE is extended to them")
	flags.StringVar(&f.rope, "rope", string(rope.Linear), "kind of that extension")
	flags.BoolVar(&f.overwrite, "overwrite", false, "replace a directory that is there")
	c.RunE = func(c *cobra.Command, _ []string) error { return f.run(c) }
	return c
}

func (f *mergeFlags) run(c *cobra.Command) error {
	if f.adapter == "" || f.out == "" {
		return command.Usagef("--adapter and --out are required")
	}
	o := merge.Options{Overwrite: f.overwrite, DType: safetensors.DType(strings.ToUpper(f.dtype)),
		Context: f.context, Rope: rope.Kind(f.rope)}
	switch o.DType {
	case "", safetensors.F32, safetensors.BF16, safetensors.F16:
	default:
		return command.Usagef("--dtype is %q, want f32, bf16 or f16", f.dtype)
	}
	base, a, err := openPair(f.model, f.adapter, f.context)
	if err != nil {
		return err
	}
	r, err := merge.Merge(f.out, base, a, o)
	if err = errors.Join(err, base.Close(), a.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %d parameters, context %d, %d tensors adapted, "+
		"%d replaced\n", f.out, r.Parameters, r.Context, r.Adapted, r.Replaced)
	return err
}
