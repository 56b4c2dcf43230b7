package cli

import (
	"github.com/spf13/cobra"

	"longlora/trainer/chat"
)

// renderCommand is the process in which chat templates run; nobody calls it by hand.
func renderCommand() *cobra.Command {
	return &cobra.Command{
		Use: chat.Command, Hidden: true, Args: cobra.NoArgs, Short: "Render a chat template",
		RunE: func(c *cobra.Command, _ []string) error {
			return chat.Work(c.InOrStdin(), c.OutOrStdout())
		},
	}
}
