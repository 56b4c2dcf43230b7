package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/pipeline/megatron"
)

func newExport() *cobra.Command {
	var format, out, split string
	var overwrite bool
	var remote *cacheFlags
	c := &cobra.Command{
		Use:   "export DATASET --format megatron --out PREFIX",
		Short: "Write sequences in another trainer's format",
		Long: "Write sequences in another trainer's format.\n\nFormats:\n" +
			indented([]string{"megatron"}) + "\nmegatron writes PREFIX.bin and PREFIX.idx; each packed " +
			"document is a document of its own, and loss\nspans and weights, for which there is no place, " +
			"are left out. DATASET is a path or a URL.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if format != "megatron" {
				return command.Usagef("export: --format is %q, want megatron", format)
			}
			if out == "" {
				return command.Usagef("export needs --out")
			}
			d, err := remote.open(c.Context(), args[0])
			if err != nil {
				return fmt.Errorf("export: %w", err)
			}
			if splits := d.Splits(); split != "" && !slices.Contains(splits, split) {
				return fmt.Errorf("export: split %q is not in %s, which has %s", split, args[0],
					strings.Join(splits, ", "))
			}
			r, err := megatron.Export(c.Context(), d, split, out, overwrite)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %d documents, %d tokens as %s; %d tokens that are no "+
				"targets here are trained on there\n", out, r.Documents, r.Tokens, r.DType, r.Unscored)
			return err
		},
	}
	remote = addCacheFlags(c)
	c.Flags().StringVar(&format, "format", "megatron", "format to write")
	c.Flags().StringVar(&out, "out", "", "path of the files without their endings")
	c.Flags().StringVar(&split, "split", "", "only this split; default: all")
	c.Flags().BoolVar(&overwrite, "overwrite", false, "replace files that are there")
	return c
}
