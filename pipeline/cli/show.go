package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/internal/tokenizer"
	"longlora/pipeline/show"
	"longlora/schemas/shard"
)

func newShow() *cobra.Command {
	var split, tok string
	var noColour bool
	var remote *cacheFlags
	c := &cobra.Command{
		Use:   "show DATASET SEQ",
		Short: "Print a sequence as text, with its documents and its targets",
		Long: "Print a sequence as text: each document under a line that says where it came from, in a " +
			"colour\nof its own, bright where tokens are targets of the loss. Without colours ⟦ ⟧ stand " +
			"around\nwhat is no target. SEQ counts from 0, in file order. DATASET is a path or a URL,\n" +
			"of which one row group is read.",
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := strconv.ParseInt(args[1], 10, 64)
			if err != nil || n < 0 {
				return command.Usagef("show: SEQ is %q, want a number from 0 on", args[1])
			}
			d, err := remote.open(c.Context(), args[0])
			if err != nil {
				return fmt.Errorf("show: %w", err)
			}
			return runShow(c, d, n, split, tok, show.Options{Colour: !noColour && colours(c)})
		},
	}
	remote = addCacheFlags(c)
	c.Flags().StringVar(&split, "split", "", "count within this split; default: the whole dataset")
	c.Flags().StringVar(&tok, "tokenizer", "", "tokenizer to decode with; default: the dataset's own")
	c.Flags().BoolVar(&noColour, "no-color", false, "print no colours; so do pipes and $NO_COLOR")
	return c
}

// colours reports whether stdout is a terminal that wants them.
func colours(c *cobra.Command) bool {
	f, ok := c.OutOrStdout().(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func runShow(c *cobra.Command, d *shard.Dataset, n int64, split, tok string, o show.Options) error {
	if splits := d.Splits(); split != "" && !slices.Contains(splits, split) {
		return fmt.Errorf("show: split %q is not in %s, which has %s", split, d.Dir(),
			strings.Join(splits, ", "))
	}
	if rows, _ := d.Count(split); n >= rows {
		return fmt.Errorf("show: %s has the sequences 0 to %d, not %d", d.Dir(), rows-1, n)
	}
	t, err := tokenizerOf(c.Context(), d, tok)
	if err != nil {
		return fmt.Errorf("show: %w", err)
	}
	r, err := d.Sequences(c.Context(), shard.SequenceOptions{Split: split, Start: n, Count: 1})
	if err != nil {
		return err
	}
	defer r.Release()
	if !r.Next() {
		return r.Err()
	}
	s := shard.SequenceAt(r.Record(), 0)
	w := bufio.NewWriter(c.OutOrStdout())
	err = show.Sequence(w, t, &s, o)
	return errors.Join(err, w.Flush())
}

// tokenizerOf opens the named tokenizer, or that of the dataset if none is named.
func tokenizerOf(ctx context.Context, d *shard.Dataset, name string) (*tokenizer.Tokenizer, error) {
	if name != "" {
		return openTokenizer(name)
	}
	data, err := d.TokenizerFile(ctx)
	if err != nil {
		return nil, err
	}
	if data == nil {
		return nil, fmt.Errorf("%s carries no tokenizer; name one with --tokenizer", d.Dir())
	}
	return tokenizer.Parse(d.Dir()+"/tokenizer.json", data)
}
