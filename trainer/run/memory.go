package run

import (
	"context"
	"errors"
	"fmt"
	"io"

	"longlora/kernels"
	"longlora/kernels/plan"
	"longlora/trainer/model"
)

// recomputeAbove is the working memory, in bytes, above which Recompute auto means layer.
const recomputeAbove = 1 << 30

// Need is what a run takes.
type Need struct {
	// Parameters and Trained count elements.
	Parameters, Trained int64
	// Weights, Optimizer and Activations are bytes: the parameters; the gradients and moments of
	// what is trained; the greatest height of a step's working memory.
	Weights, Optimizer, Activations int64
}

// Total returns the bytes of all.
func (n Need) Total() int64 { return n.Weights + n.Optimizer + n.Activations }

// microTokens bounds the tokens of a micro-batch: a long sequence goes alone.
func (c *Config) microTokens() int { return max(c.Context, c.MicroTokens) }

// options returns how the model is held.
func (r *Run) options() model.Options {
	c := &r.Config
	o := model.Options{
		Context: c.Context, Rotary: r.model.RoPE.Rotary(r.model.Model.HeadDim),
		Planner:  func() kernels.Backend { return plan.New() },
		Training: true, Recompute: c.Recompute == RecomputeLayer,
		Train: []string{model.TrainAll},
	}
	if c.Weights == "bf16" {
		o.Frozen = kernels.BF16
	}
	if c.Method == MethodLoRA {
		o.LoRA, o.Train = c.lora(), c.Train
	}
	return o
}

// setMemory counts what the run will need, and decides Recompute.
func (r *Run) setMemory(context.Context) error {
	c := &r.Config
	auto := c.Recompute == RecomputeAuto
	if auto {
		c.Recompute = RecomputeNone
	}
	if err := r.count(); err != nil {
		return err
	}
	if auto && r.need.Activations > recomputeAbove {
		c.Recompute = RecomputeLayer
		return r.count()
	}
	return nil
}

// count fills in r.need by a step on the planning backend.
func (r *Run) count() (err error) {
	b := plan.New()
	defer func() { err = errors.Join(err, b.Close()) }()
	m, err := model.New(b, r.model.Model, r.options())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	r.need.Parameters, r.need.Trained = m.Params().Count(), m.Params().Trainable().Count()
	r.need.Weights, r.need.Optimizer = m.StateBytes()
	r.need.Activations, err = m.GradientBytes(r.Config.microTokens())
	return err
}

// Describe prints the resolved run as a run file, with what it needs as comments.
func (r *Run) Describe(w io.Writer) error {
	text, err := r.Config.YAML()
	if err != nil {
		return err
	}
	m := r.dataset.Manifest()
	rows, tokens := r.dataset.Count(r.Config.Split)
	_, err = fmt.Fprintf(w, `# trainer %s
%s# shards      %s, %d sequences, %d tokens in split %s
# rope        %s, factor %g, %d positions (%d before any extension)
# parameters  %d, of which %d are trained
# memory      %s: weights %s, gradients and moments %s, activations %s
`, r.Command, text, m.Name, rows, tokens, r.Config.Split,
		r.model.RoPE.Kind, r.model.RoPE.Factor, r.model.RoPE.Max, r.model.RoPE.Original,
		r.need.Parameters, r.need.Trained, mib(r.need.Total()), mib(r.need.Weights),
		mib(r.need.Optimizer), mib(r.need.Activations))
	return err
}

func mib(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
