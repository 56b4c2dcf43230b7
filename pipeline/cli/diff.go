package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"longlora/pipeline/compare"
)

func newDiff() *cobra.Command {
	var asJSON bool
	var scratch string
	var remote *cacheFlags
	c := &cobra.Command{
		Use:   "diff A B",
		Short: "Say how two datasets differ, in what made them and in their rows",
		Long: "Say how two datasets differ: in configuration, tokenizer and sources, and in their rows, " +
			"which\nare matched by content whatever their order. Exit code 1 if anything differs. A and B are\n" +
			"paths or URLs.",
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			a, err := remote.open(c.Context(), args[0])
			if err != nil {
				return fmt.Errorf("diff: %w", err)
			}
			b, err := remote.open(c.Context(), args[1])
			if err != nil {
				return fmt.Errorf("diff: %w", err)
			}
			r, err := compare.Run(c.Context(), a, b, scratch)
			if err != nil {
				return err
			}
			if asJSON {
				err = json.NewEncoder(c.OutOrStdout()).Encode(r)
			} else {
				err = printDiff(c, r)
			}
			if err == nil && !r.Equal() {
				err = fmt.Errorf("%s and %s differ", args[0], args[1])
			}
			return err
		},
	}
	remote = addCacheFlags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	c.Flags().StringVar(&scratch, "scratch", "", "folder for sorting; default: the system's")
	return c
}

func printDiff(c *cobra.Command, r *compare.Result) error {
	w := c.OutOrStdout()
	for _, d := range r.Manifest {
		if _, err := fmt.Fprintf(w, "%s: %s | %s\n", d.What, d.A, d.B); err != nil {
			return err
		}
	}
	for _, s := range r.Rows {
		_, err := fmt.Fprintf(w, "%s: %d rows in both, %d only in A%s, %d only in B%s%s\n", s.Split, s.Both,
			s.OnlyA, place(s.FirstA), s.OnlyB, place(s.FirstB), moved(s))
		if err != nil {
			return err
		}
	}
	return nil
}

func place(row int64) string {
	if row < 0 {
		return ""
	}
	return fmt.Sprintf(" (first: row %d)", row)
}

func moved(s compare.Rows) string {
	switch {
	case s.Moved:
		return ", in another order"
	case s.OnlyA == 0 && s.OnlyB == 0:
		return ", in the same order"
	}
	return ""
}
