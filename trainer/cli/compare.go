package cli

import (
	"github.com/spf13/cobra"

	"longlora/trainer/compare"
)

func compareCommand() *cobra.Command {
	events, asJSON := "", false
	c := &cobra.Command{
		Use:   "compare RUN RUN...",
		Short: "Put training runs side by side",
		Long: "Put training runs side by side: steps, tokens, losses, speed, and the options in which they\n" +
			"differ. With --tensorboard their curves are written as event files.",
		Args: cobra.MinimumNArgs(1),
	}
	c.Flags().StringVar(&events, "tensorboard", "", "folder for TensorBoard: tensorboard --logdir FOLDER")
	c.Flags().BoolVar(&asJSON, "json", false, "write the result as JSON")
	c.RunE = func(c *cobra.Command, args []string) error {
		r, err := compare.Read(args)
		if err != nil {
			return err
		}
		if events != "" {
			if err := r.Events(events); err != nil {
				return err
			}
		}
		if asJSON {
			return writeJSON(c.OutOrStdout(), r)
		}
		return r.Write(c.OutOrStdout())
	}
	return c
}
