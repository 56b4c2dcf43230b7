package run

import (
	"fmt"
	"slices"
	"strings"

	"longlora/trainer/model"
)

// combination is a way of training that there is not.
type combination struct {
	// name says what does not go together, wayOut what does; OPTION in it stands for adapterOption.
	name, wayOut string
	is           func(c *Config, gpu bool) bool
}

// combinations is the table of the ways of training that are refused, whatever the model is. gpu says
// that the device is a GPU.
var combinations = []combination{
	{"method full and an adapter's options", "leave OPTION out, or use --method lora",
		func(c *Config, _ bool) bool { return c.Method == MethodFull && c.adapterOption() != "" }},
	{"method full and weights that are packed", "nothing is frozen: use --weights f32, or --method lora",
		func(c *Config, _ bool) bool { return c.Method == MethodFull && c.packed() }},
	{"init and weights that are packed", "nothing is frozen: use --weights f32",
		func(c *Config, _ bool) bool { return c.Init != "" && c.packed() }},
	{"train_tokens and the group embed in train", "add --train norm, which leaves the embedding out",
		func(c *Config, _ bool) bool {
			return c.Method == MethodLoRA && len(c.TrainTokens) > 0 &&
				slices.Contains(c.Train, string(model.GroupEmbed))
		}},
	{"engine gorgonia and dora", "use --engine native",
		func(c *Config, _ bool) bool { return c.graph() && c.DoRA }},
	{"engine gorgonia and train_tokens", "use --engine native",
		func(c *Config, _ bool) bool { return c.graph() && len(c.TrainTokens) > 0 }},
	{"engine gorgonia and a GPU", "add --device cpu, or use --engine native",
		func(c *Config, gpu bool) bool { return c.Engine == EngineGorgonia && gpu }},
	{"a GPU and dora", "add --device cpu",
		func(c *Config, gpu bool) bool { return gpu && c.Method == MethodLoRA && c.DoRA }},
	{"a GPU and weights int8", "use --weights nf4 or bf16, or --device cpu",
		func(c *Config, gpu bool) bool { return gpu && c.Weights == "int8" }},
	{"a GPU and train_tokens", "add --device cpu",
		func(c *Config, gpu bool) bool {
			return gpu && c.Method == MethodLoRA && len(c.TrainTokens) > 0
		}},
}

// graph reports whether Gorgonia derives the gradients of adapters.
func (c *Config) graph() bool { return c.Engine == EngineGorgonia && c.Method == MethodLoRA }

// packed reports whether frozen matrices have few bits.
func (c *Config) packed() bool {
	_, p := model.Storage(c.Weights)
	return p != model.Unpacked
}

// adapterOption returns the first option of adapters that is not at its default, as a flag.
func (c *Config) adapterOption() string {
	usual := Defaults()
	switch {
	case c.LoRARank != usual.LoRARank:
		return "--lora-rank"
	case c.LoRAAlpha != usual.LoRAAlpha:
		return "--lora-alpha"
	case c.LoRADropout != usual.LoRADropout:
		return "--lora-dropout"
	case !alike(c.LoRATargets, usual.LoRATargets):
		return "--lora-targets"
	case c.LoRAPattern != "":
		return "--lora-pattern"
	case len(c.LoRARanks) > 0:
		return "--lora-ranks"
	case len(c.LoRAAlphas) > 0:
		return "--lora-alphas"
	case c.RSLoRA:
		return "--rslora"
	case c.DoRA:
		return "--dora"
	case len(c.TrainTokens) > 0:
		return "--train-tokens"
	}
	return ""
}

// checkCombination refuses a way of training that there is not, with the first reason of the table.
func (c *Config) checkCombination(gpu bool) error {
	for _, x := range combinations {
		if x.is(c, gpu) {
			way := strings.ReplaceAll(x.wayOut, "OPTION", c.adapterOption())
			return fmt.Errorf("%s do not go together: %s", x.name, way)
		}
	}
	return nil
}

// checkFrozen refuses, on the CPU, brain floats for frozen matrices where none is frozen. A GPU's
// matrices are brain floats whatever is trained, which its run records: a run that is resumed is told
// that it was another device's.
func (r *Run) checkFrozen() error {
	c := &r.Config
	if r.gpu != nil || c.Weights != "bf16" || c.Method != MethodFull && c.Init == "" {
		return nil
	}
	what := "method full"
	if c.Init != "" {
		what = "init"
	}
	return fmt.Errorf("%s and weights bf16 do not go together: nothing is frozen: use --weights f32", what)
}

// checkModules refuses adapters of modules that a device or an engine does not know: those of head and
// embedding. The model is known.
func (r *Run) checkModules() error {
	c := &r.Config
	if c.Method != MethodLoRA {
		return nil
	}
	l := r.lora()
	found, err := r.model.Model.Adapters(l)
	if err != nil {
		return err
	}
	embed := strings.TrimSuffix(r.model.Model.EmbedName(), ".weight")
	head := strings.TrimSuffix(r.model.Model.HeadName(), ".weight")
	for module, group := range map[string]model.Group{
		embed: model.GroupEmbed, head: model.GroupHead,
	} {
		if _, ok := found[module]; ok && slices.Contains(c.Train, string(group)) {
			return fmt.Errorf("an adapter of %s and the group %s in train do not go together: leave one out",
				module, group)
		}
	}
	what, way := "", ""
	switch {
	case r.gpu != nil:
		what, way = "a GPU", "add --device cpu"
	case c.Engine == EngineGorgonia:
		what, way = "engine gorgonia", "use --engine native"
	default:
		return nil
	}
	for _, module := range []string{embed, head} {
		if _, ok := found[module]; ok {
			return fmt.Errorf("%s and an adapter of %s do not go together: %s", what, module, way)
		}
	}
	if l.DoRA || len(l.EmbedTokens)+len(l.HeadTokens) > 0 {
		return fmt.Errorf("%s and an adapter with DoRA or single tokens do not go together: %s", what, way)
	}
	if r.gpu != nil && r.base != nil {
		if p := r.options().Packed; p == model.NF4Single || p == model.Int8 {
			return fmt.Errorf("a GPU and weights that are stored as %v do not go together: use "+
				"--weights bf16, or --device cpu", p)
		}
	}
	return nil
}
