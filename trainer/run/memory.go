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
	// The rest are bytes. Frozen and Masters are the values of what is not trained and of what is;
	// Optimizer is the gradients and moments of the latter; Tables the cosines and sines of RoPE.
	Frozen, Masters, Optimizer, Tables int64
	// Kept is what a step's forward pass keeps for its gradient, Workspace the rest of a step's
	// working memory at its greatest height.
	Kept, Workspace int64
	// Process is what the process takes beside: the program, buffers of kernels and of shards, and
	// what is read of the base model and not yet given back. It is an estimate; the others are exact.
	Process int64
}

// Weights returns the bytes of all values.
func (n Need) Weights() int64 { return n.Frozen + n.Masters }

// Activations returns the bytes of a step's working memory.
func (n Need) Activations() int64 { return n.Kept + n.Workspace }

// Total returns the bytes of all.
func (n Need) Total() int64 {
	return n.Weights() + n.Optimizer + n.Tables + n.Activations() + n.Process
}

// microTokens bounds the tokens of a micro-batch: a long sequence goes alone.
func (c *Config) microTokens() int { return max(c.Context, c.MicroTokens) }

// options returns how the model is held.
func (r *Run) options() model.Options {
	c := &r.Config
	o := model.Options{
		Context: c.Context, Rotary: r.model.RoPE.Rotary(r.model.Model.HeadDim),
		Planner:  func() kernels.Backend { return plan.New() },
		Training: true, Train: []string{model.TrainAll},
	}
	if c.Recompute == RecomputeLayer {
		o.Again = []model.Again{{Attention: true, MLP: true}}
	}
	if c.Weights == "bf16" {
		o.Frozen = kernels.BF16
	}
	if c.Method == MethodLoRA {
		o.LoRA, o.Train = c.lora(), c.Train
	}
	return o
}

// setMemory counts what the run will need, and decides Recompute: layer above recomputeAbove, or
// where the run would not fit otherwise.
func (r *Run) setMemory(context.Context) error {
	c := &r.Config
	auto := c.Recompute == RecomputeAuto
	if auto {
		c.Recompute = RecomputeNone
	}
	if err := r.count(); err != nil {
		return err
	}
	large := r.need.Activations() > recomputeAbove || r.need.Total() > Limit()
	if auto && large && c.Engine == EngineNative {
		c.Recompute = RecomputeLayer
		return r.count()
	}
	return nil
}

// checkMemory refuses a run that cannot fit, and names the nearest that does.
func (r *Run) checkMemory(limit int64) error {
	need := r.need.Total()
	if need <= limit {
		return nil
	}
	longest, err := r.longest(limit)
	if err != nil {
		return err
	}
	way := "no context fits: choose a smaller model, a lower --lora-rank or --weights bf16"
	if longest > 0 {
		way = fmt.Sprintf("lower --context, and --micro-tokens, to %d, with --recompute layer", longest)
		if r.Config.Engine == EngineGorgonia {
			way = fmt.Sprintf("lower --context, and --micro-tokens, to %d, or use --engine native", longest)
		}
	}
	return fmt.Errorf("a run at context %d takes %s, of %s that there are; %s", r.Config.Context,
		mib(need), mib(limit), way)
}

// longest returns the longest context that fits into limit bytes, layers computed again; 0: none.
// The model's RoPE, and with it the quality, is another matter.
func (r *Run) longest(limit int64) (int, error) {
	const most = 1 << 24
	fits := func(context int) (bool, error) {
		t := *r
		t.Config.Context, t.Config.MicroTokens = context, 1
		if t.Config.Engine == EngineNative {
			t.Config.Recompute = RecomputeLayer
		}
		err := t.count()
		return t.need.Total() <= limit, err
	}
	low, high := 0, 1
	for high <= most {
		ok, err := fits(high)
		if err != nil {
			return 0, err
		}
		if !ok {
			break
		}
		low, high = high, 2*high
	}
	for high-low > max(1, low/1024) { // a thousandth is near enough
		ok, err := fits((low + high) / 2)
		if err != nil {
			return 0, err
		}
		if ok {
			low = (low + high) / 2
		} else {
			high = (low + high) / 2
		}
	}
	return low, nil
}

// count fills in r.need by a step on the planning backend.
func (r *Run) count() (err error) {
	b := plan.New()
	defer func() { err = errors.Join(err, b.Close()) }()
	o := r.options()
	half := r.model.Model.HeadDim / 2
	o.Rotary = func(n int) (cos, sin []float32) { // only their number counts
		zeros := make([]float32, n*half)
		return zeros, zeros
	}
	m, err := model.New(b, r.model.Model, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	n := &r.need
	n.Parameters, n.Trained = m.Params().Count(), m.Params().Trainable().Count()
	values, training := m.StateBytes()
	n.Masters, n.Optimizer = training/3, training // gradient and two moments, as large as the value
	n.Frozen = values - n.Masters
	n.Tables = 2 * 4 * int64(r.Config.Context) * int64(half)
	all, kept, err := r.Config.stepBytes(m)
	n.Kept, n.Workspace = kept, all-kept
	n.Process = r.process(m)
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
# memory      %s: weights %s, gradients and moments %s, activations %s,
#             process %s
`, r.Command, text, m.Name, rows, tokens, r.Config.Split,
		r.model.RoPE.Kind, r.model.RoPE.Factor, r.model.RoPE.Max, r.model.RoPE.Original,
		r.need.Parameters, r.need.Trained, mib(r.need.Total()), mib(r.need.Weights()),
		mib(r.need.Optimizer), mib(r.need.Activations()), mib(r.need.Tables+r.need.Process))
	return err
}

func mib(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
