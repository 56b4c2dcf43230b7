// Package cli is the command line of pipeline.
package cli

import (
	"github.com/spf13/cobra"
)

// New returns the root command.
func New() *cobra.Command {
	root := &cobra.Command{
		Use:   "pipeline",
		Short: "Turn documents into clean, tokenized, packed shards",
	}
	root.AddCommand(newIngest(), newEncode(), newMix(), newVerify(), newStat(), newCat(), newTokenizer(),
		newPublish(), newPull(), newFetch(), newServe(), newDiff(), newShow(), newMigrate(),
		newExport())
	return root
}
