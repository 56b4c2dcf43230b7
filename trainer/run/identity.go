package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
)

// configName is the run file that a run leaves in its output directory.
const configName = "run.yaml"

// free are the options that may differ when a run is resumed: no bit of the result depends on them.
// Shards and base model are compared by their digests instead.
var free = []string{
	"model", "init", "adapter", "shards", "cache", "cache_size", "decoded_cache", "check_tokenizer", "out",
	"recompute", "memory", "device", "gpu_memory", "threads", "validation", "eval_every", "eval_sequences",
	"save_every", "keep", "metrics",
}

// newer are the options that came after runs were recorded. At their defaults a run is what it was.
var newer = []string{
	"engine", "lora_pattern", "lora_ranks", "lora_alphas", "rslora", "dora", "train_tokens",
	"attn_schedule", "attn_layers", "decay_steps", "group_lr", "group_decay", "lora_plus", "loss_mean",
	"early_stop", "min_delta", "keep_best", "optimizer", "neftune", "embed_moments",
}

// judging are the free options on which the result depends where validations decide on it.
var judging = []string{"validation", "eval_every", "eval_sequences"}

// judges reports whether validations decide on the result.
func (r *Run) judges() bool { return r.Config.EarlyStop > 0 || r.Config.KeepBest }

// anyLength reports whether no step depends on the number of steps.
func (r *Run) anyLength() bool {
	return r.Config.Schedule == "constant" && len(r.attends.Phases) == 1
}

// identity is all that a run's result depends on, with digests of what it reads.
func (r *Run) identity() (map[string]any, error) {
	id := map[string]any{"command": r.Command, "dataset": r.dataset.Manifest().Digest}
	usual := Defaults()
	defaults := usual.Fields()
	for i, f := range r.Config.Fields() {
		value := reflect.ValueOf(f.Value).Elem().Interface()
		same := reflect.DeepEqual(value, reflect.ValueOf(defaults[i].Value).Elem().Interface())
		if empty, ok := value.([]string); ok && len(empty) == 0 {
			same = true
		}
		judged := r.judges() && slices.Contains(judging, f.Key)
		switch {
		case f.Key == "steps" && r.anyLength(), slices.Contains(free, f.Key) && !judged:
		case same && slices.Contains(newer, f.Key): // as before there was a choice
		default:
			id[f.Key] = value
		}
	}
	if r.adapter != nil {
		digest, err := adapterDigest(r.Config.Adapter)
		if err != nil {
			return nil, err
		}
		id["adapter"] = digest
	}
	if r.base == nil {
		config, err := r.model.Encode()
		id["base"] = "init " + string(config)
		return id, err
	}
	digest, err := modelDigest(r.fsys)
	id["base"] = digest
	return id, err
}

// Recorded returns the configuration of the run in an output directory.
func Recorded(out string) (Config, error) {
	c := Defaults()
	path := filepath.Join(out, configName)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return c, fmt.Errorf("%s holds no run to continue: it has no %s", out, configName)
	}
	return c, c.Read(path)
}
