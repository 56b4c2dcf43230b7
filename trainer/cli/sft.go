package cli

import "github.com/spf13/cobra"

func newSFT() *cobra.Command {
	return newTraining("sft", "Fine-tune a model on instruction shards",
		`Sft fine-tunes a model on sequence shards whose loss spans cover the answers, with LongLoRA:
S2 attention, adapters on the attention's linear layers, embedding and norms trained in full.
Only --shards is needed; every other option has a default, and each is also a key of the run
file that --config names (dashes become underscores).`)
}
