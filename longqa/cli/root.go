// Package cli is the longqa command line.
package cli

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"
)

// New returns the longqa command.
func New() *cobra.Command {
	root := &cobra.Command{
		Use:   "longqa",
		Short: "Build LongQA: long contexts, questions, and answers that can be checked",
		Long: "Build LongQA: questions over long contexts whose answers have a known origin and\n" +
			"evidence.\n\nA dataset is a directory of Parquet files with a manifest and a card. From the\n" +
			"Go tree it takes nothing but Go: no download, no model. Every derived answer can be\n" +
			"computed again from its row alone.",
		Example: "  longqa build --out build/longqa   more than 3,000 rows of 4k to 128k tokens\n" +
			"  longqa check build/longqa         compute every derived answer again\n" +
			"  longqa stats build/longqa         rows by task, length, depth of evidence\n" +
			"  longqa encode --examples build/longqa --context 4096 --out build/longqa-4096\n" +
			"  longqa export build/longqa --format longalpaca --out longqa.json",
	}
	root.AddCommand(newBuild(), newImport(), newTeach(), newMix(), newStats(), newCheck(), newReview(),
		newAnswer(), newScore(), newExport(), newEncode())
	return root
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
