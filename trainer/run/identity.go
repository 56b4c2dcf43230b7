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
	"recompute", "memory", "device", "gpu_memory", "threads", "validation", "eval_every", "eval_sequences", "save_every", "keep",
}

// identity is all that a run's result depends on, with digests of what it reads.
func (r *Run) identity() (map[string]any, error) {
	id := map[string]any{"command": r.Command, "dataset": r.dataset.Manifest().Digest}
	for _, f := range r.Config.Fields() {
		longer := f.Key == "steps" && r.Config.Schedule == "constant"  // no step depends on their number
		native := f.Key == "engine" && r.Config.Engine == EngineNative // as before there was a choice
		if !longer && !native && !slices.Contains(free, f.Key) {
			id[f.Key] = reflect.ValueOf(f.Value).Elem().Interface()
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
