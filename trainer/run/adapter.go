package run

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"longlora/trainer/hf"
	"longlora/trainer/model"
	"longlora/trainer/open"
	"longlora/trainer/peft"
)

// openAdapter opens the adapter that training goes on from, and takes over what it says of its
// making: its base unless another is named, and the shape of its adapters.
func (r *Run) openAdapter() (err error) {
	c := &r.Config
	if c.Adapter == "" {
		return nil
	}
	if r.adapter, err = open.Adapter(c.Adapter); err != nil {
		return err
	}
	a, usual := r.adapter, Defaults()
	if c.Model == usual.Model && a.Base != "" {
		c.Model = a.Base
	}
	if err := c.adoptShape(a.LoRA); err != nil {
		return fmt.Errorf("adapter %s: %w", c.Adapter, err)
	}
	return nil
}

// adoptShape takes over the shape of an adapter's matrices. Options that say otherwise are refused.
func (c *Config) adoptShape(l model.LoRA) error {
	usual := Defaults()
	given := func(same, asUsual bool) bool { return !same && !asUsual }
	if given(c.LoRARank == l.Rank, c.LoRARank == usual.LoRARank) ||
		given(c.LoRAAlpha == l.Alpha, c.LoRAAlpha == usual.LoRAAlpha) ||
		given(alike(c.LoRATargets, l.Targets), alike(c.LoRATargets, usual.LoRATargets)) ||
		given(c.LoRAPattern == l.Pattern, c.LoRAPattern == "") ||
		given(slices.Equal(c.LoRARanks, texts(l.Ranks)), len(c.LoRARanks) == 0) ||
		given(slices.Equal(c.LoRAAlphas, texts(l.Alphas)), len(c.LoRAAlphas) == 0) ||
		len(c.TrainTokens) > 0 || given(c.RSLoRA == l.RootScale, !c.RSLoRA) || given(c.DoRA == l.DoRA, !c.DoRA) {
		return fmt.Errorf("it has rank %d, alpha %g and targets %s, which cannot be changed: leave the "+
			"options --lora-rank, --lora-alpha, --lora-targets, --lora-pattern, --lora-ranks, "+
			"--lora-alphas, --rslora, --dora and --train-tokens out", l.Rank, l.Alpha,
			strings.Join(append(slices.Clone(l.Targets), l.Pattern), ","))
	}
	c.LoRARank, c.LoRAAlpha, c.LoRATargets, c.LoRAPattern = l.Rank, l.Alpha, l.Targets, l.Pattern
	c.LoRARanks, c.LoRAAlphas, c.RSLoRA, c.DoRA = texts(l.Ranks), texts(l.Alphas), l.RootScale, l.DoRA
	return nil
}

// alike reports whether two lists have the same members.
func alike(x, y []string) bool {
	x, y = slices.Sorted(slices.Values(x)), slices.Sorted(slices.Values(y))
	return slices.Equal(x, y)
}

// fitAdapter checks the adapter against the base, and takes over its rotary embedding.
func (r *Run) fitAdapter() error {
	if r.adapter == nil {
		return nil
	}
	if err := r.fitBase(); err != nil {
		return err
	}
	for _, g := range r.adapter.Train {
		tied := g == string(model.GroupHead) && r.model.Model.Tied // one tensor, saved twice
		if !tied && !slices.Contains(r.Config.Train, g) {
			return fmt.Errorf("adapter %s holds the group %s in full, so that it must be trained on: "+
				"add it to --train %s", r.Config.Adapter, g, strings.Join(r.Config.Train, ","))
		}
	}
	if r.adapter.Config != nil {
		r.model.RoPE = r.adapter.Config.RoPE
	}
	return nil
}

// fitBase checks the adapter against the base, which gets the tokens that LongLoRA's scripts added.
func (r *Run) fitBase() error {
	if r.base == nil { // a plan reads no weights
		return r.adapter.Fit(r.model.Model)
	}
	err := open.Fit(r.adapter, r.base, r.Config.Context)
	r.model.Model = r.base.Config.Model
	return err
}

// context returns the positions that the model had before this run.
func (r *Run) context() int {
	switch {
	case r.adapter != nil && r.adapter.Notes.Context > 0:
		return r.adapter.Notes.Context
	case r.adapter != nil && r.adapter.Config != nil:
		return r.adapter.Config.RoPE.Max
	case r.base != nil:
		return r.base.Context()
	case r.planned > 0:
		return r.planned
	}
	return r.model.RoPE.Max
}

// load gives m the values that training begins with.
func (r *Run) load(m *model.Model) error {
	if r.base == nil {
		return m.Init(r.Config.Seed)
	}
	source := model.Source(r.base.Tensor)
	if r.adapter != nil {
		return m.LoadPacked(m.Params(), r.adapter.Over(source), r.base.Packed)
	}
	if err := m.LoadPacked(m.Params().Base(), source, r.base.Packed); err != nil {
		return err
	}
	return m.InitAdapters(r.Config.Seed)
}

// adapterDigest returns the sha256 of an adapter folder's configuration and weights.
func adapterDigest(name string) (string, error) {
	fsys := open.Any(name)
	names := []string{peft.ConfigName}
	for _, pattern := range []string{hf.ConfigName, "*.safetensors", "*.bin"} {
		found, err := fs.Glob(fsys, pattern)
		if err != nil {
			return "", err
		}
		names = append(names, found...)
	}
	return filesDigest(fsys, "adapter", names)
}
