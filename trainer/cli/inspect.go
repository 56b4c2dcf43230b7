package cli

import (
	"github.com/spf13/cobra"

	"longlora/trainer/inspect"
	"longlora/trainer/open"
)

func inspectCommand() *cobra.Command {
	asJSON := false
	c := &cobra.Command{
		Use:   "inspect DIR",
		Short: "Say what a model or adapter folder holds",
		Long: "Say what a model or adapter folder holds: shape, context and RoPE, parameters, storage, " +
			"origin.\nDIR may be base, the embedded model, or the output of a run.",
		Args: cobra.ExactArgs(1),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "write the result as JSON")
	c.RunE = func(c *cobra.Command, args []string) error {
		r, err := inspect.Folder(open.Any(args[0]), args[0])
		if err != nil {
			return err
		}
		if asJSON {
			return writeJSON(c.OutOrStdout(), r)
		}
		return r.Write(c.OutOrStdout())
	}
	return c
}
