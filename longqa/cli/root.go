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
	}
	root.AddCommand(newBuild(), newStats(), newCheck(), newExport(), newEncode())
	return root
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
