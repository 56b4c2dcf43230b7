// Package cli is the command line of the trainer binary: one file per command, each a thin layer of
// flags over the package that does the work.
package cli

import "github.com/spf13/cobra"

// New returns the root command. Results go to its output, everything else to its error output.
func New() *cobra.Command {
	root := &cobra.Command{
		Use:   "trainer",
		Short: "Fine-tune, evaluate, run and merge long-context models",
		Args:  cobra.NoArgs,

		PersistentPreRun: warnThreads,
	}
	root.AddCommand(commands()...)
	return root
}

// commands is the table of subcommands, one a file.
func commands() []*cobra.Command {
	return []*cobra.Command{
		newSFT(), newPretrain(), evalCommand(), generateCommand(), predictCommand(),
		mergeCommand(), exportCommand(), renderCommand(), serveCommand(), chatCommand(),
		inspectCommand(), planCommand(), devicesCommand(), reportCommand(), compareCommand(),
	}
}
