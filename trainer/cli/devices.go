package cli

import (
	"github.com/spf13/cobra"

	"longlora/trainer/device"
)

func devicesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "devices",
		Short: "List the CPU and the GPUs that a training may run on",
		Long: "List the CPU's backend and the GPUs, or say why there is none: GPUs need a binary that was\n" +
			"built with make build-gpu, and NVIDIA's driver.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return device.List(c.OutOrStdout()) },
	}
}
