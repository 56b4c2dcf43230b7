package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/pipeline/source"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// printBuilt writes what was built to stdout.
func printBuilt(c *cobra.Command, dir string, m *schemas.Manifest) error {
	var rows, tokens int64
	for _, f := range m.Files {
		rows, tokens = rows+f.Rows, tokens+f.Tokens
	}
	dropped := int64(0)
	for _, n := range m.Rejected {
		dropped += n
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), "%s: %d rows, %d tokens, %d rejected, digest %s\n",
		dir, rows, tokens, dropped, m.Digest)
	return err
}

// flagHint names the flag that cures an error.
func flagHint(err error) string {
	if errors.Is(err, source.ErrNoLicence) {
		return " with --licence"
	}
	return ""
}

func newVerify() *cobra.Command {
	var remote *cacheFlags
	c := &cobra.Command{
		Use:   "verify DATASET",
		Short: "Check a dataset's hashes, counts and rows",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := remote.open(c.Context(), args[0])
			if err != nil {
				return err
			}
			if err := d.Verify(c.Context()); err != nil {
				return err
			}
			s := d.Stat()
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %d files, %d rows, digest %s: verified\n",
				args[0], s.Files, s.Rows, s.Digest)
			return err
		},
	}
	remote = addCacheFlags(c)
	return c
}

func newStat() *cobra.Command {
	var asJSON bool
	var remote *cacheFlags
	c := &cobra.Command{
		Use:   "stat DATASET",
		Short: "Sum a dataset up from its manifest",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := remote.open(c.Context(), args[0])
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(c.OutOrStdout())
				e.SetEscapeHTML(false)
				return e.Encode(d.Stat())
			}
			return printStat(c, d.Stat())
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	remote = addCacheFlags(c)
	return c
}

func printStat(c *cobra.Command, s shard.Stat) error {
	w := tabwriter.NewWriter(c.OutOrStdout(), 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%s (%s), digest %s\n", s.Name, s.Kind, s.Digest)
	if t := s.Tokenizer; t != nil {
		fmt.Fprintf(w, "tokenizer %s, vocabulary %d, digest %s\n", t.Name, t.VocabSize, t.Digest)
	}
	fmt.Fprintf(w, "\nsplit\tfiles\trows\ttokens\tbytes\t\n")
	for _, split := range slices.Sorted(maps.Keys(s.Splits)) {
		p := s.Splits[split]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t\n", split, p.Files, p.Rows, p.Tokens, p.Bytes)
	}
	fmt.Fprintf(w, "all\t%d\t%d\t%d\t%d\t\n", s.Files, s.Rows, s.Tokens, s.Bytes)
	fmt.Fprintf(w, "\nsource\tlicence\trows\ttokens\t\n")
	for _, p := range s.Mixture {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t\n", p.Source, p.Licence, p.Rows, p.Tokens)
	}
	if len(s.Rejected) > 0 {
		fmt.Fprintf(w, "\nrejected because\tinputs\t\n")
	}
	for _, reason := range slices.Sorted(maps.Keys(s.Rejected)) {
		fmt.Fprintf(w, "%s\t%d\t\n", reason, s.Rejected[reason])
	}
	return w.Flush()
}

func newCat() *cobra.Command {
	var split string
	var limit int64
	var remote *cacheFlags
	c := &cobra.Command{
		Use:   "cat DATASET",
		Short: "Print a dataset's rows, one JSON object a line",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if limit < 0 {
				return command.Usagef("cat: --limit is %d, want at least 0", limit)
			}
			d, err := remote.open(c.Context(), args[0])
			if err != nil {
				return err
			}
			if splits := d.Splits(); split != "" && !slices.Contains(splits, split) {
				return fmt.Errorf("cat: split %q is not in %s, which has %s", split, args[0],
					strings.Join(splits, ", "))
			}
			w := bufio.NewWriterSize(c.OutOrStdout(), 1<<20)
			err = shard.WriteJSONL(w, d, split, limit)
			return errors.Join(err, w.Flush())
		},
	}
	c.Flags().StringVar(&split, "split", "", "only rows of this split")
	c.Flags().Int64Var(&limit, "limit", 0, "most rows to print; 0: all")
	remote = addCacheFlags(c)
	return c
}
