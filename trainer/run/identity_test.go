package run

import (
	"slices"
	"testing"
)

// recorded are the options that every run's identity has had from the beginning.
var recorded = []string{
	"split", "context", "attention", "group", "across_documents", "rope", "method", "train",
	"lora_targets", "lora_rank", "lora_alpha", "lora_dropout", "weights", "precision",
	"steps", "epochs", "batch", "micro_tokens", "lr", "min_lr", "warmup", "schedule", "weight_decay",
	"beta1", "beta2", "eps", "clip", "seed", "shuffle",
}

// TestNewOptions: an option that comes after runs were recorded is free or newer, so that they go on.
func TestNewOptions(t *testing.T) {
	c := Defaults()
	for _, f := range c.Fields() {
		in := 0
		for _, list := range [][]string{recorded, free, newer} {
			if slices.Contains(list, f.Key) {
				in++
			}
		}
		if in != 1 {
			t.Errorf("option %s is in %d of the lists of recorded, free and newer options, want 1", f.Key, in)
		}
	}
}
