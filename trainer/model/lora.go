package model

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// LoRA describes the adapters of arXiv 2106.09685. Which modules have one is said as PEFT says it.
type LoRA struct {
	// Targets are names of modules, or ends of such names: "q_proj", "3.mlp.up_proj", "lm_head".
	Targets []string
	// Pattern is a regular expression that matches whole names, instead of Targets.
	Pattern string
	// Exclude are names, or ends of names, of modules without an adapter, though they are targets.
	Exclude []string
	// Layers are the decoder layers whose modules have adapters; nil: all. Pattern, and a whole name
	// in Targets, are not bound by it.
	Layers []int
	Rank   int
	// Alpha scales the adapter's output by Alpha/Rank.
	Alpha float64
	// Ranks and Alphas are those of some modules; the first entry that fits counts.
	Ranks, Alphas []Override
	// RootScale scales by Alpha/sqrt(Rank) instead (rsLoRA, arXiv 2312.03732).
	RootScale bool
	// DoRA learns a magnitude of each output beside (arXiv 2402.09353).
	DoRA bool
	// Dropout is the probability of an element of the adapter's input to be zeroed in training. The
	// embedding's adapter has none.
	Dropout float64
	// EmbedTokens and HeadTokens are the tokens whose rows of the embedding and of the head are trained,
	// alone; a tied head has the embedding's (PEFT's trainable_token_indices).
	EmbedTokens, HeadTokens []int
}

// Override is a rank or an alpha of the modules whose name is, or ends with a dot and, what the
// regular expression Key matches.
type Override struct {
	Key   string
	Value float64
}

// Validate reports every value that an adapter cannot have. Whether there is a module for each target
// is Config.Adapters' matter.
func (l *LoRA) Validate() error {
	var all []error
	if len(l.Targets) == 0 && l.Pattern == "" {
		all = append(all, errors.New("lora: no target"))
	}
	if len(l.Targets) > 0 && l.Pattern != "" {
		all = append(all, fmt.Errorf("lora: both the targets %s and the pattern %q",
			strings.Join(l.Targets, ", "), l.Pattern))
	}
	if l.Rank <= 0 {
		all = append(all, fmt.Errorf("lora: rank is %d, want more than 0", l.Rank))
	}
	if !(l.Alpha > 0) || math.IsInf(l.Alpha, 0) {
		all = append(all, fmt.Errorf("lora: alpha is %g, want more than 0", l.Alpha))
	}
	if !(l.Dropout >= 0 && l.Dropout < 1) {
		all = append(all, fmt.Errorf("lora: dropout is %g, want it in [0, 1)", l.Dropout))
	}
	for _, o := range l.Ranks {
		if !(o.Value >= 1 && o.Value <= 1<<20) || o.Value != math.Trunc(o.Value) {
			all = append(all, fmt.Errorf("lora: the rank of %s is %g, want a whole number of 1 or more",
				o.Key, o.Value))
		}
	}
	for _, o := range l.Alphas {
		if !(o.Value > 0) || math.IsInf(o.Value, 0) {
			all = append(all, fmt.Errorf("lora: the alpha of %s is %g, want more than 0", o.Key, o.Value))
		}
	}
	_, err := l.compile()
	return errors.Join(append(all, err)...)
}

// MaxRank returns the greatest rank that a module may have.
func (l *LoRA) MaxRank() int {
	rank := l.Rank
	for _, o := range l.Ranks {
		rank = max(rank, int(o.Value))
	}
	return rank
}

// Adapter is the shape of a module's adapter.
type Adapter struct {
	Rank int
	// Scale is what B A is multiplied by.
	Scale float64
}

// compiled is a LoRA with its expressions compiled.
type compiled struct {
	*LoRA
	pattern       *regexp.Regexp
	ranks, alphas []*regexp.Regexp
}

func (l *LoRA) compile() (*compiled, error) {
	c := &compiled{LoRA: l}
	var all []error
	expression := func(text, form string) *regexp.Regexp {
		r, err := regexp.Compile(fmt.Sprintf(form, text))
		if err != nil {
			all = append(all, fmt.Errorf("lora: pattern %q: %w", text, err))
		}
		return r
	}
	if l.Pattern != "" {
		c.pattern = expression(l.Pattern, `^(?:%s)$`)
	}
	for _, o := range l.Ranks {
		c.ranks = append(c.ranks, expression(o.Key, `^(?:.*\.)?(?:%s)$`))
	}
	for _, o := range l.Alphas {
		c.alphas = append(c.alphas, expression(o.Key, `^(?:.*\.)?(?:%s)$`))
	}
	return c, errors.Join(all...)
}

// adapter returns that of a module, nil if it has none.
func (c *compiled) adapter(module string) *Adapter {
	if c == nil || !c.targets(module) {
		return nil
	}
	rank := int(override(c.Ranks, c.ranks, module, float64(c.Rank)))
	alpha := override(c.Alphas, c.alphas, module, c.Alpha)
	if c.RootScale {
		return &Adapter{rank, alpha / math.Sqrt(float64(rank))}
	}
	return &Adapter{rank, alpha / float64(rank)}
}

func override(all []Override, keys []*regexp.Regexp, module string, usual float64) float64 {
	for i, key := range keys {
		if key.MatchString(module) {
			return all[i].Value
		}
	}
	return usual
}

// targets is PEFT's check_target_module_exists.
func (c *compiled) targets(module string) bool {
	if ends(c.Exclude, module) {
		return false
	}
	switch {
	case c.pattern != nil:
		return c.pattern.MatchString(module)
	case slices.Contains(c.Targets, module):
		return true
	case !ends(c.Targets, module):
		return false
	case c.Layers == nil:
		return true
	}
	layer, ok := layerOf(module)
	return ok && slices.Contains(c.Layers, layer)
}

// ends reports whether a module's name is one of names, or ends with a dot and it.
func ends(names []string, module string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return module == name || strings.HasSuffix(module, "."+name)
	})
}

// layerOf returns the decoder layer that a module is part of.
func layerOf(module string) (layer int, ok bool) {
	for _, part := range strings.Split(module, ".") {
		if n, err := strconv.Atoi(part); err == nil {
			return n, true
		}
	}
	return 0, false
}

// Modules returns the names of all modules that can have an adapter.
func (c Config) Modules() []string {
	own := c.names()
	all := []string{own.embed}
	for l := range c.Layers {
		for _, part := range own.linear {
			if part != "" {
				all = append(all, c.Module(l, part))
			}
		}
	}
	return append(all, own.head)
}

// Adapters returns the adapters of a model by the modules' names. Targets, and keys of Ranks and
// Alphas, that fit no module are errors, and so are adapters of a tied embedding or head: what is one
// tensor would be two.
func (c Config) Adapters(l *LoRA) (map[string]Adapter, error) {
	all, err := l.compile()
	if err != nil {
		return nil, err
	}
	found := map[string]Adapter{}
	for _, module := range c.Modules() {
		if a := all.adapter(module); a != nil {
			found[module] = *a
		}
	}
	return found, errors.Join(all.unused(c), c.checkEnds(l, found), c.checkTokens(l, found))
}

// unused reports what fits no module.
func (c *compiled) unused(shape Config) error {
	var all []error
	modules := shape.Modules()
	for _, target := range c.Targets {
		if !slices.ContainsFunc(modules, func(m string) bool { return ends([]string{target}, m) }) {
			all = append(all, fmt.Errorf("lora: unknown target %q; the targets are %s, %s, %s, or longer ends "+
				"of modules' names", target, strings.Join(shape.Targets(), ", "), shape.names().embed,
				shape.names().head))
		}
	}
	if c.pattern != nil && !slices.ContainsFunc(modules, c.pattern.MatchString) {
		all = append(all, fmt.Errorf("lora: the pattern %q matches no module; the names are like %s",
			c.Pattern, modules[1]))
	}
	for _, keys := range [][]*regexp.Regexp{c.ranks, c.alphas} {
		for _, key := range keys {
			if !slices.ContainsFunc(modules, key.MatchString) {
				all = append(all, fmt.Errorf("lora: the pattern %v of a rank or an alpha matches no module", key))
			}
		}
	}
	return errors.Join(all...)
}

// checkEnds refuses adapters of embedding and head that cannot be.
func (c Config) checkEnds(l *LoRA, found map[string]Adapter) error {
	own := c.names()
	_, embed := found[own.embed]
	_, head := found[own.head]
	tied := "lora: %s is tied: embedding and head are one tensor, and an adapter would be of one of " +
		"them; train the embedding in full"
	switch {
	case c.Tied && embed:
		return fmt.Errorf(tied, own.embed)
	case c.Tied && head:
		return fmt.Errorf(tied, own.head)
	case embed && l.DoRA:
		return fmt.Errorf("dora: %s is no linear layer; leave it out of the targets", own.embed)
	case head && c.Arch.LogitCap > 0:
		return fmt.Errorf("lora: %s bounds its logits (final_logit_softcapping), which its adapter does "+
			"not; train the head in full", own.head)
	}
	return nil
}
