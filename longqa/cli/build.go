package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"longlora/internal/defaults"
	"longlora/internal/tokenizer"
	"longlora/longqa/build"
	"longlora/pipeline/goroot"
)

func newBuild() *cobra.Command {
	var o build.Options
	var tree goroot.Options
	var root, tokenizerPath string
	c := &cobra.Command{
		Use:   "build --out DIR",
		Short: "Build the dataset from the Go toolchain's own tree",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if root == "" {
				if root, err = goroot.Find(c.Context()); err != nil {
					return err
				}
			}
			if o.Tree, err = goroot.Open(root, tree); err != nil {
				return err
			}
			if o.Tokenizer, err = openTokenizer(tokenizerPath); err != nil {
				return err
			}
			o.Recipe = build.Default()
			o.Step = func(name string) { fmt.Fprintf(c.ErrOrStderr(), "longqa: %s\n", name) }
			r, err := build.Run(c.Context(), o)
			if err != nil {
				if r != nil && r.Figures != nil {
					fmt.Fprint(c.ErrOrStderr(), r.Figures.Table())
				}
				return err
			}
			fmt.Fprint(c.OutOrStdout(), r.Figures.Table())
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&o.Out, "out", "", "directory of the new dataset")
	f.BoolVar(&o.Overwrite, "overwrite", false, "replace the dataset that is there")
	f.StringVar(&root, "goroot", "", "root of the Go tree (default: what 'go env GOROOT' prints)")
	f.StringVar(&tree.GOOS, "goos", "linux", "operating system whose files are read")
	f.StringVar(&tree.GOARCH, "goarch", "amd64", "architecture whose files are read")
	f.StringVar(&tokenizerPath, "tokenizer", defaultTokenizer, tokenizerUsage)
	f.IntVar(&o.Limit, "limit", 0, "make a sample of about so many rows, not held to the recipe's figures")
	_ = c.MarkFlagRequired("out")
	return c
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
