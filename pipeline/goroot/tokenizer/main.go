// Command tokenizer trains the default tokenizer (longlora/internal/defaults) on the Go tree and
// prints it: every package as linux/amd64 builds it, and every long text four times, so that about
// half of what it learns from is English.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"longlora/internal/tokenizer"
	"longlora/pipeline/goroot"
)

// textWeight is how often a long text counts.
const textWeight = 4

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "tokenizer:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, w io.Writer) error {
	root, err := goroot.Find(ctx)
	if err != nil {
		return err
	}
	tree, err := goroot.Open(root, goroot.Options{})
	if err != nil {
		return err
	}
	data, err := tokenizer.TrainByteLevelBPE(func(yield func(string) bool) {
		for _, p := range tree.Packages() {
			if !yield(p.Text()) {
				return
			}
		}
		for _, t := range tree.Texts() {
			for range textWeight {
				if !yield(t.Content) {
					return
				}
			}
		}
	}, tokenizer.TrainOptions{
		VocabSize: 4096, Special: []string{"<|begin_of_text|>", "<|end_of_text|>"},
		BOS: "<|begin_of_text|>",
	})
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}
