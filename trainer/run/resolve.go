package run

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"longlora/internal/store"
	"longlora/internal/store/cloud/dataset"
	"longlora/schemas"
	"longlora/schemas/ipc/flight"
	"longlora/schemas/shard"
	"longlora/trainer/attention"
	"longlora/trainer/data"
	"longlora/trainer/hf"
	"longlora/trainer/model"
	"longlora/trainer/open"
	"longlora/trainer/optimizer"
	"longlora/trainer/peft"
	"longlora/trainer/rope"
)

// Run is a run with nothing left to be determined.
type Run struct {
	// Command is "sft" or "pretrain".
	Command string
	Config  Config

	stores  store.Options
	dataset *shard.Dataset
	decoded *shard.Cache  // nil: none
	fsys    fs.FS         // the base model's folder
	base    *hf.Folder    // nil: from scratch
	adapter *peft.Adapter // that training goes on from; nil: a new one
	model   hf.Config     // of what is trained, its RoPE extended
	attends attention.Plan
	need    Need
	// ended is the step whose values are the result.
	ended   int
	moments *optimizer.Moments // that the model does not hold; nil: it holds all
	gpu     *gpu               // nil: the CPU
	// planned is the model's own context where its weights are not opened; 0: they are.
	planned int
	again   []model.Again // what is computed again
	limit   int64         // most bytes that the process may take
}

// Resolve opens the shards and the base model, checks that they fit together, and fills in what
// they determine; stores says how URLs are reached. The Run must be closed.
func Resolve(ctx context.Context, c Config, command string, stores store.Options) (r *Run, err error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	r = &Run{Command: command, Config: c, stores: stores}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
			r = nil
		}
	}()
	for _, step := range []func(context.Context) error{
		r.openShards, r.openModel, r.setDevice, r.setSteps, r.setContext, r.checkData, r.setMemory, r.fit,
	} {
		if err := step(ctx); err != nil {
			return r, err
		}
	}
	return r, nil
}

// Close releases the files of the base model and the adapter.
func (r *Run) Close() error {
	var errs []error
	if r.base != nil {
		errs = append(errs, r.base.Close())
	}
	if r.adapter != nil {
		errs = append(errs, r.adapter.Close())
	}
	return errors.Join(errs...)
}

// CacheError is the first reason why the cache of decoded row groups did not keep one; nil: none.
// Training goes on without it.
func (r *Run) CacheError() error {
	if r.decoded == nil {
		return nil
	}
	return r.decoded.Stats().Err
}

func (r *Run) openShards(ctx context.Context) (err error) {
	var size dataset.Size
	if err := size.Set(r.Config.CacheSize); err != nil {
		return fmt.Errorf("cache_size: %w", err)
	}
	if flight.IsLocation(r.Config.Shards) {
		r.dataset, err = flight.OpenFromEnvironment(ctx, r.Config.Shards, os.Getenv)
	} else {
		r.dataset, err = dataset.Open(ctx, r.Config.Shards, dataset.Options{
			Stores: r.stores, Cache: r.Config.Cache, CacheBytes: int64(size),
		})
	}
	if err == nil && r.Config.DecodedCache != "" {
		r.decoded, err = shard.OpenCache(r.Config.DecodedCache, int64(size))
	}
	if err != nil {
		return err
	}
	m := r.dataset.Manifest()
	if m.Kind != schemas.KindSequence {
		return fmt.Errorf("%s holds rows of kind %s, not sequences; encode them first",
			r.Config.Shards, m.Kind)
	}
	if rows, _ := r.dataset.Count(r.Config.Split); rows == 0 || r.Config.Split == "" {
		return fmt.Errorf("%s has no split %q; its splits are %v",
			r.Config.Shards, r.Config.Split, r.dataset.Splits())
	}
	if rows, _ := r.dataset.Count(r.Config.Validation); rows == 0 {
		if r.judges() {
			return fmt.Errorf("%s has no split %q to validate on, which early_stop and keep_best need; its "+
				"splits are %v", r.Config.Shards, r.Config.Validation, r.dataset.Splits())
		}
		r.Config.Validation = ""
	}
	if r.Config.Out == "" {
		r.Config.Out = filepath.Join("runs", r.Command+"-"+filepath.Base(m.Name))
	}
	return nil
}

func (r *Run) openModel(context.Context) (err error) {
	if r.Config.Init != "" {
		r.Config.Model = "" // not used
		text, err := os.ReadFile(r.Config.Init)
		if err != nil {
			return fmt.Errorf("init: %w", err)
		}
		if r.model, err = hf.ParseConfig(text); err != nil {
			return fmt.Errorf("init %s: %w", r.Config.Init, err)
		}
		r.settleTargets()
		return nil
	}
	if err := r.openAdapter(); err != nil {
		return err
	}
	r.fsys = open.Folder(r.Config.Model)
	if r.base, err = hf.Open(r.fsys, r.Config.Model); err != nil {
		return err
	}
	r.model = r.base.Config
	r.settleTargets()
	_, packing := model.Storage(r.Config.Weights)
	if err := r.base.CheckPacking(packing); err != nil {
		return err
	}
	return r.fitAdapter()
}

// setContext fills in the context and what follows from it: the rotary embedding and attention.
func (r *Run) setContext(context.Context) (err error) {
	if err := r.checkModules(); err != nil {
		return err
	}
	c := &r.Config
	if c.Context == 0 {
		if c.Context, err = r.shardsContext(); err != nil {
			return err
		}
	}
	current, scratch := r.context(), c.Init != ""
	if scratch && c.Context > current {
		return fmt.Errorf("context is %d, but %s says max_position_embeddings %d: a model trained "+
			"from scratch has no positions to interpolate; raise it there", c.Context, c.Init, current)
	}
	r.model.RoPE, err = rope.Extend(r.model.RoPE, rope.Kind(c.Rope), current, c.Context)
	if err != nil {
		return err
	}
	return r.setAttention()
}

// shardsContext returns the context that the shards were encoded for, or their longest sequence if
// their manifest does not say.
func (r *Run) shardsContext() (int, error) {
	if n, ok := r.dataset.Manifest().Config["context"].(float64); ok && n >= 1 {
		return int(n), nil
	}
	longest := 0
	for row, err := range shard.Rows[schemas.Sequence](r.dataset, r.Config.Split) {
		if err != nil {
			return 0, err
		}
		longest = max(longest, len(row.InputIDs))
	}
	return longest, nil
}

// setSteps turns epochs into steps.
func (r *Run) setSteps(context.Context) error {
	if c := &r.Config; c.Epochs > 0 {
		rows, _ := r.dataset.Count(c.Split)
		c.Steps = int((rows*int64(c.Epochs) + int64(c.Batch) - 1) / int64(c.Batch))
		c.Epochs = 0
	}
	return nil
}

// checkData refuses shards that the model cannot read.
func (r *Run) checkData(ctx context.Context) error {
	s, err := r.openStream(ctx, r.source(r.Config.Split), data.Position{})
	if err != nil {
		return err
	}
	return s.Close()
}

// fit refuses a run that takes more memory than there is.
func (r *Run) fit(context.Context) error { return r.checkMemory() }

// source returns a split in training order.
func (r *Run) source(split string) data.Shards {
	return data.Shards{
		Dataset: r.dataset, Split: split, Shuffle: r.Config.Shuffle, Seed: r.Config.Seed,
		Cache: r.decoded,
	}
}

func (r *Run) openStream(ctx context.Context, s data.Source,
	at data.Position) (*data.Stream, error) {
	limits := data.Limits{Vocab: r.model.Model.Vocab, Context: r.Config.Context}
	if r.base != nil && r.Config.CheckTokenizer {
		limits.Tokenizers = tokenizerDigests(r.fsys)
	}
	return data.Open(ctx, s, at, limits)
}
