package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/longqa/export"
	"longlora/schemas/shard"
)

func newExport() *cobra.Command {
	var format, out, split string
	c := &cobra.Command{
		Use:   "export DIR --out FILE",
		Short: "Write a dataset's rows in another tool's layout",
		Long:  "Write a dataset's rows in another tool's layout.\n\nFormats:\n" + aboutFormats(),
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if out == "" {
				return command.Usagef("export needs --out")
			}
			f, err := export.Find(format)
			if err != nil {
				return command.Usagef("export: %w", err)
			}
			d, err := shard.Open(args[0])
			if err != nil {
				return fmt.Errorf("export: %w", err)
			}
			n, err := export.Write(c.Context(), d, split, f, out)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %d rows\n", out, n)
			return err
		},
	}
	fs := c.Flags()
	fs.StringVar(&format, "format", "longalpaca", "layout: "+strings.Join(export.Names(), ", "))
	fs.StringVar(&out, "out", "", "file to write")
	fs.StringVar(&split, "split", "", "split to write (default: all)")
	return c
}

func aboutFormats() string {
	var b strings.Builder
	for _, name := range export.Names() {
		f, _ := export.Find(name) // the table's own name
		fmt.Fprintf(&b, "  %-12s %s\n", name, f.About())
	}
	return b.String()
}
