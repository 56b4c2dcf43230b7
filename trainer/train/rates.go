package train

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"longlora/trainer/model"
)

// Rates are learning rates and decays of groups of parameters that differ from the run's.
type Rates struct {
	// LR has peak learning rates by group: the schedule scales them all alike. Decay has weight decays;
	// without an entry norms are not decayed and all else by Options.WeightDecay.
	LR, Decay map[string]float64
	// Ratio is that of the learning rate of adapters' B to that of their A, LoRA+'s lambda
	// (arXiv 2402.12354); 0 means 1. A rate of lora_b goes before it.
	Ratio float64
}

// RateGroups returns the names of Rates' groups, the finer ones last: lora is all of adapters,
// magnitude DoRA's, linear the matrices of linear layers that are trained in full.
func RateGroups() []string {
	return []string{"embed", "norm", "head", "linear", "lora", "lora_a", "lora_b", "magnitude"}
}

// fine and coarse are the names of a parameter's groups: of an adapter's both differ.
func fine(p *model.Param) string {
	switch {
	case p.Group != model.GroupLoRA:
		return string(p.Group)
	case strings.HasSuffix(p.Name, model.LoRAA), strings.HasSuffix(p.Name, model.EmbedA):
		return "lora_a"
	case strings.HasSuffix(p.Name, model.LoRAB), strings.HasSuffix(p.Name, model.EmbedB):
		return loraB
	}
	return "magnitude"
}

func coarse(p *model.Param) string { return string(p.Group) }

// loraB is the group of the B of adapters.
const loraB = "lora_b"

// lookup returns the entry of the finest of a parameter's groups, and which that is.
func lookup(m map[string]float64, p *model.Param) (value float64, group string) {
	if v, ok := m[fine(p)]; ok {
		return v, fine(p)
	}
	if v, ok := m[coarse(p)]; ok {
		return v, coarse(p)
	}
	return 0, ""
}

// rate returns the learning rate of a parameter in a step whose own is lr.
func (o *Options) rate(p *model.Param, lr float64) float64 {
	own, group := lookup(o.Rates.LR, p)
	if group != "" {
		lr *= own / o.Peak
	}
	if r := o.Rates.Ratio; r > 0 && group != loraB && fine(p) == loraB {
		lr *= r
	}
	return lr
}

// decay returns the weight decay of a parameter.
func (o *Options) decay(p *model.Param) float64 {
	if own, group := lookup(o.Rates.Decay, p); group != "" {
		return own
	}
	if p.Group == model.GroupNorm {
		return 0
	}
	return o.WeightDecay
}

// Validate reports every rate and decay that is none, and groups that there are not.
func (r Rates) Validate() error {
	var all []error
	check := func(option string, m map[string]float64, least string, good func(float64) bool) {
		for _, g := range slices.Sorted(maps.Keys(m)) {
			if !slices.Contains(RateGroups(), g) {
				all = append(all, fmt.Errorf("%s: unknown group %q; the groups are %s", option, g,
					strings.Join(RateGroups(), ", ")))
			}
			if v := m[g]; !good(v) || math.IsInf(v, 0) {
				all = append(all, fmt.Errorf("%s of %s is %g, want %s", option, g, v, least))
			}
		}
	}
	atLeastZero := func(v float64) bool { return v >= 0 }
	check("group_lr", r.LR, "0 or more", atLeastZero)
	check("group_decay", r.Decay, "0 or more", atLeastZero)
	if !(r.Ratio >= 0) || math.IsInf(r.Ratio, 0) {
		all = append(all, fmt.Errorf("lora_plus is %g, want 0 or more", r.Ratio))
	}
	return errors.Join(all...)
}
