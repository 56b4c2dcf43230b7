package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"longlora/internal/command"
	"longlora/internal/defaults"
	"longlora/internal/tokenizer"
	"longlora/longqa/build"
	"longlora/longqa/gold"
	"longlora/pipeline/goroot"
	"longlora/pipeline/limit"
)

// buildFlags are the flags of longqa build.
type buildFlags struct {
	out, source, goroot, tokenizer string
	overwrite                      bool
	tree                           goroot.Options
	limit, maxTokens               int
	maxDropped                     limit.Limit
}

const sourceGoroot = "goroot"

func newBuild() *cobra.Command {
	f := buildFlags{maxDropped: limit.Share(0.01)}
	c := &cobra.Command{
		Use:   "build --out DIR [--source NAME PATH]",
		Short: "Build a dataset of long-context questions and answers",
		Long: "Build a dataset of long-context questions and answers.\n\n" +
			"The source goroot, the default, needs nothing but Go: questions about the packages and\n" +
			"texts of the Go toolchain's own tree, with answers from comments and from the type\n" +
			"checker. A build that misses one of the recipe's figures fails and publishes nothing.\n\n" +
			"Other sources are published sets, read from PATH:\n" + aboutSources(),
		Example: "  longqa build --out build/longqa\n" +
			"  longqa build --source qmsum QMSum/data/ALL/jsonl --out build/qmsum",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runBuild(c, f, args) },
	}
	fs := c.Flags()
	fs.StringVar(&f.out, "out", "", "directory of the new dataset")
	fs.BoolVar(&f.overwrite, "overwrite", false, "replace the dataset that is there")
	fs.StringVar(&f.source, "source", sourceGoroot,
		"what to read: "+strings.Join(append([]string{sourceGoroot}, gold.Names()...), ", "))
	fs.StringVar(&f.tokenizer, "tokenizer", defaultTokenizer, tokenizerUsage)
	fs.StringVar(&f.goroot, "goroot", "", "root of the Go tree (default: what 'go env GOROOT' prints)")
	fs.StringVar(&f.tree.GOOS, "goos", "linux", "operating system whose files are read")
	fs.StringVar(&f.tree.GOARCH, "goarch", "amd64", "architecture whose files are read")
	fs.IntVar(&f.limit, "limit", 0,
		"with goroot: a sample of about so many rows, not held to the recipe's figures")
	fs.IntVar(&f.maxTokens, "max-tokens", 128000,
		"with other sources: most tokens of a context; 0: no bound")
	fs.Var(&f.maxDropped, "max-dropped",
		"with other sources: rows that may be dropped before the build fails")
	return c
}

func aboutSources() string {
	var b strings.Builder
	for _, name := range gold.Names() {
		s, _ := gold.Find(name) // the table's own name
		fmt.Fprintf(&b, "  %-10s %s\n", name, s.About())
	}
	return b.String()
}

func runBuild(c *cobra.Command, f buildFlags, args []string) error {
	if f.out == "" {
		return command.Usagef("build needs --out")
	}
	if f.limit < 0 || f.maxTokens < 0 {
		return command.Usagef("--limit %d and --max-tokens %d must not be negative", f.limit, f.maxTokens)
	}
	if f.source == sourceGoroot {
		if len(args) > 0 {
			return command.Usagef("the source goroot takes no path; name another root with --goroot")
		}
		return buildGoroot(c, f)
	}
	source, err := gold.Find(f.source)
	if err != nil {
		return command.Usagef("build: %w", err)
	}
	if len(args) != 1 {
		return command.Usagef("the source %s needs the path of its files", f.source)
	}
	o := build.GoldOptions{
		Out: f.out, Overwrite: f.overwrite, Source: source, Path: args[0], MaxTokens: f.maxTokens,
		MaxDropped: f.maxDropped,
	}
	if o.Tokenizer, err = openTokenizer(f.tokenizer); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	r, err := build.RunGold(c.Context(), o)
	if err != nil {
		return err
	}
	return printBuilt(c, f.out, r)
}

func buildGoroot(c *cobra.Command, f buildFlags) (err error) {
	if f.goroot == "" {
		if f.goroot, err = goroot.Find(c.Context()); err != nil {
			return fmt.Errorf("build: %w with --goroot", err)
		}
	}
	o := build.Options{
		Out: f.out, Overwrite: f.overwrite, Recipe: build.Default(), Limit: f.limit,
		Step: func(name string) { fmt.Fprintf(c.ErrOrStderr(), "build: %s\n", name) },
	}
	if o.Tree, err = goroot.Open(f.goroot, f.tree); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	if o.Tokenizer, err = openTokenizer(f.tokenizer); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	r, err := build.Run(c.Context(), o)
	if err != nil {
		if r != nil && r.Figures != nil {
			fmt.Fprint(c.ErrOrStderr(), r.Figures.Table())
		}
		return err
	}
	return printBuilt(c, f.out, r)
}

// printBuilt writes what was built to stdout.
func printBuilt(c *cobra.Command, dir string, r *build.Result) error {
	_, err := fmt.Fprintf(c.OutOrStdout(), "%s\n%s: %d rows, %d tokens, digest %s\n",
		r.Figures.Table(), dir, r.Figures.Rows, r.Figures.Tokens, r.Manifest.Digest)
	return err
}

const (
	// defaultTokenizer names the embedded tokenizer.
	defaultTokenizer = "default"
	tokenizerUsage   = "tokenizer.json or SentencePiece .model file, or the directory that holds one"
)

func openTokenizer(name string) (*tokenizer.Tokenizer, error) {
	if name == defaultTokenizer {
		return defaults.Tokenizer()
	}
	return tokenizer.Open(name)
}
