// Package cli is the longqa command line.
package cli

import "github.com/spf13/cobra"

// New returns the longqa command.
func New() *cobra.Command {
	root := &cobra.Command{
		Use:   "longqa",
		Short: "Build LongQA: long contexts, questions, and answers that can be checked",
	}
	root.AddCommand(newBuild(), newEncode())
	return root
}
