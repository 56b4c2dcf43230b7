package cli

import "github.com/spf13/cobra"

func newPretrain() *cobra.Command {
	return newTraining("pretrain", "Continue a model's pretraining on longer documents, or begin one",
		`Pretrain trains a model on sequence shards of plain documents: continued pretraining of --model
with LongLoRA, or from scratch with --init config.json --method full. Only --shards is needed;
every other option has a default, and each is also a key of the run file that --config names
(dashes become underscores).`)
}
