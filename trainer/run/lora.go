package run

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"longlora/trainer/model"
)

// allLinear stands for all linear layers of decoder layers in LoRATargets.
const allLinear = "all-linear"

// lora returns the adapters that the options describe.
func (c *Config) lora() (*model.LoRA, error) {
	l := &model.LoRA{
		Targets: c.LoRATargets, Pattern: c.LoRAPattern, Rank: c.LoRARank, Alpha: c.LoRAAlpha,
		RootScale: c.RSLoRA, DoRA: c.DoRA, Dropout: c.LoRADropout,
	}
	if c.LoRAPattern != "" && slices.Equal(c.LoRATargets, Defaults().LoRATargets) {
		l.Targets = nil
	}
	l.Targets = spellOut(l.Targets, model.Targets())
	var errs [3]error
	l.Ranks, errs[0] = overrides("lora_ranks", "down_proj=16", c.LoRARanks)
	l.Alphas, errs[1] = overrides("lora_alphas", "down_proj=16", c.LoRAAlphas)
	l.EmbedTokens, errs[2] = tokens(c.TrainTokens)
	return l, errors.Join(errs[:]...)
}

// settleTargets fills in the names of the model's family where the options name none of their own:
// the usual targets are those of attention.
func (r *Run) settleTargets() {
	c, own := &r.Config, r.model.Model
	if r.adapter != nil || c.LoRAPattern != "" {
		return
	}
	if slices.Equal(c.LoRATargets, Defaults().LoRATargets) {
		c.LoRATargets = own.AttentionTargets()
	}
	c.LoRATargets = spellOut(c.LoRATargets, own.Targets())
}

// spellOut puts the linear layers in the place of all-linear, before the other targets.
func spellOut(targets, linear []string) []string {
	i := slices.Index(targets, allLinear)
	if i < 0 {
		return targets
	}
	return slices.Concat(linear, targets[:i], targets[i+1:])
}

// overrides reads a list of KEY=NUMBER, as the example is.
func overrides(option, example string, list []string) (all []model.Override, err error) {
	for _, entry := range list {
		at := strings.LastIndexByte(entry, '=')
		value, wrong := strconv.ParseFloat(entry[at+1:], 64)
		if at <= 0 || wrong != nil {
			err = errors.Join(err, fmt.Errorf("%s: %q is not like %s", option, entry, example))
			continue
		}
		all = append(all, model.Override{Key: entry[:at], Value: value})
	}
	return all, err
}

// tokens reads a list of numbers and ranges.
func tokens(list []string) (all []int, err error) {
	for _, entry := range list {
		first, last, ranged := strings.Cut(entry, "-")
		from, wrong := strconv.Atoi(first)
		to := from
		if ranged && wrong == nil {
			to, wrong = strconv.Atoi(last)
		}
		if wrong != nil || to < from || to-from > 1<<20 {
			err = errors.Join(err, fmt.Errorf("train_tokens: %q is neither a token nor a range of them", entry))
			continue
		}
		for id := from; id <= to; id++ {
			all = append(all, id)
		}
	}
	return all, err
}

// texts is the inverse of overrides.
func texts(all []model.Override) (list []string) {
	for _, o := range all {
		list = append(list, fmt.Sprintf("%s=%g", o.Key, o.Value))
	}
	return list
}

// lora returns the run's adapters: those that it goes on from, or what the options describe.
func (r *Run) lora() *model.LoRA {
	if r.adapter != nil {
		l := r.adapter.LoRA
		l.Dropout = r.Config.LoRADropout
		return &l
	}
	l, err := r.Config.lora()
	if err != nil {
		panic(err) // Validate has checked it
	}
	return l
}
