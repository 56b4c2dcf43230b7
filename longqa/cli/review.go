package cli

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/internal/store"
	"longlora/longqa/review"
	"longlora/schemas/shard"
)

// reviewFlags are the flags of longqa review.
type reviewFlags struct {
	review.Choice
	decisions, address, out    string
	apply, onlyKept, overwrite bool
}

func newReview() *cobra.Command {
	var f reviewFlags
	c := &cobra.Command{
		Use:   "review DIR",
		Short: "Read rows on a local page, keep or reject them by key; apply the decisions",
		Long: "Serve a page on this machine that shows rows one by one, the context with its evidence\n" +
			"marked, and takes decisions by key. Decisions are added to a file (--decisions), each on disk\n" +
			"before the page goes on, and are there again when the command is run again.\n\n" +
			"With --apply, make the dataset without the rejected rows instead.",
		Example: "  longqa review build/longqa --sample 100\n" +
			"  longqa review build/longqa --apply --out build/longqa-reviewed",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runReview(c, f, args[0]) },
	}
	fs := c.Flags()
	fs.StringVar(&f.decisions, "decisions", "",
		"file of decisions (default: DIR.review.jsonl, of a URL NAME.review.jsonl in this folder)")
	fs.StringVar(&f.Split, "split", "", "split to show (default: all)")
	fs.IntVar(&f.Sample, "sample", 0, "show so many rows of each task, drawn by --seed; 0: all")
	fs.StringVar(&f.Seed, "seed", "", "word that draws the sample")
	fs.StringVar(&f.address, "listen", "127.0.0.1:0", "loopback address and port; port 0: a free one")
	fs.BoolVar(&f.apply, "apply", false, "make the dataset without the rejected rows")
	fs.StringVar(&f.out, "out", "", "with --apply: directory of the new dataset")
	fs.BoolVar(&f.overwrite, "overwrite", false, "with --apply: replace the dataset that is there")
	fs.BoolVar(&f.onlyKept, "only-kept", false, "with --apply: leave undecided rows out too")
	return c
}

func runReview(c *cobra.Command, f reviewFlags, dir string) error {
	if f.apply != (f.out != "") {
		return command.Usagef("--apply and --out go together")
	}
	if f.Sample < 0 {
		return command.Usagef("--sample is %d, want at least 0", f.Sample)
	}
	d, err := openDataset(c.Context(), dir)
	if err != nil {
		return fmt.Errorf("review: %w", err)
	}
	if f.decisions == "" {
		f.decisions = decisionsOf(d, dir)
	}
	if f.apply {
		return applyReview(c, f, d)
	}
	host, _, err := net.SplitHostPort(f.address)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return command.Usagef("--listen %s is no loopback address, as 127.0.0.1:8000", f.address)
	}
	return serveReview(c, f, d)
}

// decisionsOf is the file of decisions of a dataset: beside it, or here if it is in an object
// store.
func decisionsOf(d *shard.Dataset, location string) string {
	beside := d.Manifest().Name
	if _, local := store.Local(location); local {
		beside = strings.TrimRight(d.Dir(), "/")
	}
	return beside + ".review.jsonl"
}

func serveReview(c *cobra.Command, f reviewFlags, d *shard.Dataset) (err error) {
	rows, _ := d.Count(f.Split)
	p := command.NewProgress(c.ErrOrStderr(), "review: read", rows, "rows")
	s, err := review.Open(c.Context(), d, f.Choice, f.decisions, p.Add)
	p.Done()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	l, err := net.Listen("tcp", f.address)
	if err != nil {
		return fmt.Errorf("review: %w", err)
	}
	fmt.Fprintf(c.OutOrStdout(), "http://%s/ shows %d rows; decisions go to %s; stop with Ctrl-C\n",
		l.Addr(), s.Rows(), f.decisions)
	return s.Serve(c.Context(), l)
}

func applyReview(c *cobra.Command, f reviewFlags, d *shard.Dataset) error {
	decisions, err := review.ReadDecisions(f.decisions)
	if err != nil {
		return fmt.Errorf("review: %w", err)
	}
	a, err := review.Apply(c.Context(), d, decisions, f.out, f.overwrite, f.onlyKept)
	if err != nil {
		return err
	}
	if a.Stale > 0 {
		fmt.Fprintf(c.ErrOrStderr(), "review: %d decisions are about rows that are not there or changed\n",
			a.Stale)
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %d kept, %d rejected, %d undecided, digest %s\n", f.out,
		a.Kept, a.Rejected, a.Undecided, a.Manifest.Digest)
	return err
}
