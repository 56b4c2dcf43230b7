package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/longqa/export"
	"longlora/pipeline/licence"
	"longlora/pipeline/limit"
)

// exportFlags are the flags of longqa export.
type exportFlags struct {
	export.Options
	format, out string
	allow, deny []string
}

func newExport() *cobra.Command {
	var f exportFlags
	c := &cobra.Command{
		Use:   "export DIR --out FILE",
		Short: "Write a dataset's rows in another tool's layout",
		Long: "Write a dataset's rows in another tool's layout. Every row says its id, licence and where\n" +
			"its answer is from.\n\nFormats:\n" + aboutFormats(),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runExport(c, f, args[0]) },
	}
	fs := c.Flags()
	fs.StringVar(&f.format, "format", "longalpaca", "layout: "+strings.Join(export.Names(), ", "))
	fs.StringVar(&f.out, "out", "", "file to write")
	fs.StringVar(&f.Split, "split", "", "split to write (default: all)")
	fs.StringSliceVar(&f.allow, "allow-licence", nil,
		"SPDX identifiers or patterns to let through only")
	fs.StringSliceVar(&f.deny, "deny-licence", nil,
		"SPDX identifiers or patterns to leave out, as *-NC-*")
	fs.Var(&f.MaxDropped, "max-dropped", "rows that the layout may be unable to hold before this fails")
	fs.SetNormalizeFunc(american)
	return c
}

func runExport(c *cobra.Command, f exportFlags, dir string) error {
	if f.out == "" {
		return command.Usagef("export needs --out")
	}
	format, err := export.Find(f.format)
	if err != nil {
		return command.Usagef("export: %w", err)
	}
	if f.Gate, err = licence.New(f.allow, f.deny); err != nil {
		return command.Usagef("export: %w", err)
	}
	d, err := openDataset(c.Context(), dir)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	r, err := export.Write(c.Context(), d, format, f.out, f.Options)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %d rows\n", f.out, r.Written)
	if r.Denied > 0 || len(r.Unfit) > 0 {
		fmt.Fprintf(c.ErrOrStderr(), "export: %d rows left out by licence; the format cannot hold: %s\n",
			r.Denied, limit.Reasons(r.Unfit))
	}
	return err
}

func aboutFormats() string {
	var b strings.Builder
	for _, name := range export.Names() {
		f, _ := export.Find(name) // the table's own name
		fmt.Fprintf(&b, "  %-12s %s\n", name, f.About())
	}
	return b.String()
}
