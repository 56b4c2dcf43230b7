package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"longlora/trainer/limits"
)

// warnThreads says so where --threads asks for more than there are cores: they wait for each other.
func warnThreads(c *cobra.Command, _ []string) {
	threads, err := c.Flags().GetInt("threads")
	if err != nil { // the command has no such flag
		return
	}
	if cores := limits.Host().Cores(); threads > cores {
		fmt.Fprintf(c.ErrOrStderr(), "warning: --threads %d, but the process has %d cores: this is "+
			"slower than --threads %d\n", threads, cores, cores)
	}
}
