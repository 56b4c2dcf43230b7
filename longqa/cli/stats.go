package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"longlora/longqa/build"
	"longlora/longqa/figures"
)

func newStats() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "stats DIR",
		Short: "Count a dataset's rows by task, length, depth of evidence and more",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := openDataset(c.Context(), args[0])
			if err != nil {
				return fmt.Errorf("stats: %w", err)
			}
			r := build.Default()
			f, err := figures.Of(c.Context(), d, r.Bands(), r.Limits.FarApart)
			if err != nil {
				return fmt.Errorf("stats: %w", err)
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(f.Report())
			}
			_, err = fmt.Fprint(c.OutOrStdout(), f.Table())
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}
