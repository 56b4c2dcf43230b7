//go:build gpu

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"longlora/kernels"
	"longlora/kernels/cuda"
	"longlora/kernels/pattern"
	"longlora/trainer/model"
	"longlora/trainer/rope"
)

// rank is that of the adapters.
const rank = 8

// planned is how a model is held, and what is computed with it.
type planned struct {
	options model.Options
	batch   *model.Batch
	working cuda.Working
}

// modelOptions are the paper's recipe for a context, counted by planners that are appended to all.
func (o *options) modelOptions(context int, all *[]*cuda.Planner) model.Options {
	_, packing := model.Storage(o.weights)
	spare := 0
	if o.appended {
		spare = rank
	}
	return model.Options{
		Spare: spare, Context: context, Training: true, Frozen: kernels.BF16, Activations: kernels.BF16,
		Packed: packing, Train: []string{"embed", "norm"},
		LoRA: &model.LoRA{Targets: []string{"q_proj", "k_proj", "v_proj", "o_proj"}, Rank: rank,
			Alpha: 2 * rank},
		Rotary: rope.Spec{Kind: rope.Default, Theta: 10000, Factor: 1,
			Max: context}.Rotary(o.config.HeadDim),
		Planner: func() kernels.Backend {
			p := cuda.NewPlanner(cuda.Assumed())
			*all = append(*all, p)
			return p
		},
	}
}

// document is one of so many tokens, all of which are targets.
func (o *options) document(tokens int) *model.Batch {
	how, group := pattern.Full, 1
	if o.attention == "s2" {
		how, group = pattern.S2, max(tokens/4, 1)
	}
	b := model.Document(make([]int32, tokens), o.config.Heads)
	b.Segments = how(pattern.Layout{DocLens: []int32{int32(tokens)}, Heads: o.config.Heads,
		Group: group})
	for i := range b.IDs {
		b.IDs[i] = int32(i * 7919 % o.config.Vocab)
		b.Targets[i] = int32((i*7919 + 1) % o.config.Vocab)
		b.Weights[i] = 1
	}
	return b
}

// plan chooses what is computed again, and with -longest the context.
func (o *options) plan() (*planned, error) {
	if o.longest {
		if err := o.lengthen(); err != nil {
			return nil, err
		}
	}
	var all []*cuda.Planner
	p := &planned{options: o.modelOptions(o.context, &all), batch: o.document(o.context)}
	fixed, err := o.fixed(p.options)
	if err != nil {
		return nil, err
	}
	var bytes int64
	if o.longest {
		p.options.Again = model.Everything(o.config, p.options, o.context, o.host)
		bytes, err = o.bytes(p.options, o.context)
	} else {
		var choice model.Choice
		choice, err = model.Choose(o.config, p.options, p.batch, o.limit-fixed, o.host)
		p.options.Again, bytes = choice.Again, choice.Bytes
	}
	if err != nil {
		return nil, err
	}
	if _, err = o.assume(p, all); err != nil {
		return nil, err
	}
	o.planned, o.again = fixed+bytes+p.working.Device(), p.options.Again
	if o.planned > o.limit {
		return nil, fmt.Errorf("context %d takes %.1f GiB of %.1f", o.context, gib(o.planned),
			gib(o.limit))
	}
	rates, err := readRates(o.rates)
	if err == nil && rates.Products > 0 {
		o.prediction, err = o.predict(p, rates)
	}
	return p, err
}

// fixed is the memory that does not depend on a step.
func (o *options) fixed(mo model.Options) (int64, error) {
	m, err := model.New(cuda.NewPlanner(cuda.Assumed()), o.config, mo)
	if err != nil {
		return 0, err
	}
	values, training := m.StateBytes()
	return values + training + 4*int64(mo.Context)*int64(o.config.HeadDim), m.Close()
}

// bytes is the working memory of a gradient.
func (o *options) bytes(mo model.Options, tokens int) (int64, error) {
	m, err := model.New(cuda.NewPlanner(cuda.Assumed()), o.config, mo)
	if err != nil {
		return 0, err
	}
	n, _, err := m.GradientBytes(tokens)
	return n, errors.Join(err, m.Close())
}

// lengthen sets the context to the longest that fits and whose step takes no longer than it may, by
// the assumed rates, to a multiple of 1024 or a hundredth.
func (o *options) lengthen() error {
	low, high := 0, 1<<21
	for high-low > max(low/100, 1024) {
		middle := (low + high) / 2 / 1024 * 1024
		if middle <= low {
			break
		}
		fits, err := o.fits(middle)
		if err != nil {
			return err
		}
		if fits {
			low = middle
		} else {
			high = middle
		}
	}
	if o.context = low; low == 0 {
		return errors.New("no context fits")
	}
	return nil
}

func (o *options) fits(context int) (bool, error) {
	var all []*cuda.Planner
	p := &planned{options: o.modelOptions(context, &all), batch: o.document(context)}
	p.options.Again = model.Everything(o.config, p.options, context, o.host)
	fixed, err := o.fixed(p.options)
	if err != nil {
		return false, err
	}
	bytes, err := o.bytes(p.options, context)
	if err != nil {
		return false, err
	}
	seconds, err := o.assume(p, all)
	return fixed+bytes+p.working.Device() <= o.limit && seconds <= o.seconds, err
}

// assume is the time of a step at the assumed rates. It leaves in p the greatest working memory of that
// step and of what the planners counted.
func (o *options) assume(p *planned, all []*cuda.Planner) (float64, error) {
	seconds, err := o.predict(p, cuda.Assumed())
	for _, counted := range all {
		p.working = p.working.Most(counted.Working())
	}
	return seconds, err
}

// predict is the time of a step at some rates.
func (o *options) predict(p *planned, rates cuda.Rates) (seconds float64, err error) {
	b := cuda.NewPlanner(rates)
	m, err := model.New(b, o.config, p.options)
	if err != nil {
		return 0, err
	}
	before := b.Seconds()
	s, err := begin(b, m, p.batch, 1)
	if err == nil {
		_, err = s.loss()
	}
	p.working = p.working.Most(b.Working())
	return b.Seconds() - before, errors.Join(err, m.Close())
}

// readRates returns the rates that the operators were measured at.
func readRates(path string) (r cuda.Rates, err error) {
	if path == "" {
		return r, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	var measured struct {
		Figures []struct {
			Name string
			Ours float64
		}
	}
	if err := json.Unmarshal(text, &measured); err != nil {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	for _, f := range measured.Figures {
		switch f.Name {
		case "gemm_tflops":
			r.Products = f.Ours * 1e12
		case "attention_fwd_tflops":
			r.Attention = f.Ours * 1e12
		case "attention_bwd_tflops":
			r.AttentionGrad = f.Ours * 1e12
		case "memory_gbs":
			r.Memory = f.Ours * 1e9
		case "host_gbs":
			r.Host = f.Ours * 1e9
		}
	}
	return r, nil
}
