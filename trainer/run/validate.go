package run

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"longlora/trainer/model"
	"longlora/trainer/open"
	"longlora/trainer/train"
)

// Validate reports every option that makes no run, whatever the shards and the model are.
func (c *Config) Validate() error {
	var all []error
	bad := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	oneOf := func(key, value string, values ...string) {
		if !slices.Contains(values, value) {
			bad("%s is %q, want one of %s", key, value, strings.Join(values, ", "))
		}
	}
	if c.Shards == "" {
		bad("shards is missing: name a dataset directory of sequences")
	}
	if c.Init == "" && c.Model == "" {
		bad("model is missing: name a folder, or %s", open.Base)
	}
	if c.Init != "" && c.Method != MethodFull {
		bad("init trains from scratch, which needs method full, not %q", c.Method)
	}
	if c.Adapter != "" && c.Method != MethodLoRA {
		bad("adapter can be trained on by method lora, not %q: trainer merge folds it into its base", c.Method)
	}
	if c.Context < 0 || c.Group < 0 {
		bad("context is %d and group %d, want 0 or more", c.Context, c.Group)
	}
	oneOf("method", c.Method, MethodLoRA, MethodFull)
	oneOf("engine", c.Engine, EngineNative, EngineGorgonia)
	oneOf("weights", c.Weights, model.Storages()...)
	oneOf("precision", c.Precision, "f32", "bf16")
	oneOf("optimizer", c.Optimizer, OptimizerAdamW, OptimizerAdamW8Bit)
	if !(c.NEFTune >= 0) || math.IsInf(c.NEFTune, 0) {
		bad("neftune is %g, want 0 or more", c.NEFTune)
	}
	oneOf("loss_mean", c.LossMean, LossMeanToken, LossMeanDocument)
	oneOf("recompute", c.Recompute, RecomputeAuto, RecomputeNone, RecomputeLayer, RecomputeOffload)
	oneOf("embed_moments", c.EmbedMoments, MomentsGPU, MomentsHost)
	if c.Epochs < 0 || c.EvalSequences < 0 || c.Threads < 0 {
		bad("epochs is %d, eval_sequences %d, threads %d, want 0 or more",
			c.Epochs, c.EvalSequences, c.Threads)
	}
	_, err := c.memory()
	all = append(all, c.validateAttention(), c.validateEngine(), err)
	if c.Method == MethodLoRA {
		l, err := c.lora()
		all = append(all, err, l.Validate())
		for _, g := range c.Train { // PEFT has no way to save an adapter on what is trained in full
			oneOf("train", g, string(model.GroupEmbed), string(model.GroupNorm), string(model.GroupHead))
		}
	}
	_, err = c.rates()
	return errors.Join(append(all, c.checkCombination(false), err, c.loop().Validate())...)
}

// rates are the groups' learning rates and decays.
func (c *Config) rates() (r train.Rates, err error) {
	r.Ratio = c.LoRAPlus
	var errs [2]error
	r.LR, errs[0] = numbers("group_lr", c.GroupLR)
	r.Decay, errs[1] = numbers("group_decay", c.GroupDecay)
	return r, errors.Join(errs[:]...)
}

// numbers reads a list of GROUP=NUMBER.
func numbers(option string, list []string) (map[string]float64, error) {
	all, err := overrides(option, "embed=1e-4", list)
	found := map[string]float64{}
	for _, o := range all {
		if _, again := found[o.Key]; again {
			err = errors.Join(err, fmt.Errorf("%s: %s is there twice", option, o.Key))
		}
		found[o.Key] = o.Value
	}
	return found, err
}

// loop returns the loop's options; with epochs, the steps are not known yet.
func (c *Config) loop() train.Options {
	steps := c.Steps
	if c.Epochs > 0 {
		steps = 1
	}
	rates, _ := c.rates() // Validate says what is none
	return train.Options{
		Schedule: train.Schedule{
			Kind: c.Schedule, Peak: c.LR, Min: c.MinLR, Warmup: c.Warmup, Steps: steps,
			Decay: c.DecaySteps,
		},
		Rates: rates, PerDocument: c.LossMean == LossMeanDocument,
		EarlyStop: c.EarlyStop, MinDelta: c.MinDelta, KeepBest: c.KeepBest,
		Batch: c.Batch, MicroTokens: c.MicroTokens,
		Beta1: c.Beta1, Beta2: c.Beta2, Eps: c.Eps, WeightDecay: c.WeightDecay, Clip: c.Clip,
		Seed: c.Seed, SaveEvery: c.SaveEvery, Keep: c.Keep, EvalEvery: c.EvalEvery,
	}
}
