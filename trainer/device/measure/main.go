//go:build gpu

// Measure times training steps of models of known shapes on the GPU that is here: their weights are
// made up. It prints tokens a second, and the planned and the reserved peak of the GPU's memory, as
// JSON.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"time"

	"longlora/kernels"
	"longlora/kernels/cpu"
	"longlora/kernels/cuda"
	"longlora/kernels/pattern"
	"longlora/trainer/device"
	"longlora/trainer/model"
	"longlora/trainer/rope"
)

// shapes are those of Llama 2 7B and 70B and of Llama 3 8B, and a small one to try the program with.
var shapes = map[string]model.Config{
	"7B": {Vocab: 32000, Hidden: 4096, Layers: 32, Heads: 32, KVHeads: 32, HeadDim: 128, FFN: 11008,
		Eps: 1e-5},
	"8B": {Vocab: 128256, Hidden: 4096, Layers: 32, Heads: 32, KVHeads: 8, HeadDim: 128, FFN: 14336,
		Eps: 1e-5},
	"70B": {Vocab: 32000, Hidden: 8192, Layers: 80, Heads: 64, KVHeads: 8, HeadDim: 128, FFN: 28672,
		Eps: 1e-5},
	"tiny": {Vocab: 64, Hidden: 32, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 8, FFN: 64, Eps: 1e-5},
}

type options struct {
	shape, attention    string
	weights             string
	context, steps      int
	memory              int64
	planned, peak       int64
	working             cuda.Working
	seconds, prediction float64
	again               []model.Again
}

func main() {
	var o options
	flag.StringVar(&o.shape, "shape", "7B", "model: 7B, 8B, 70B or tiny")
	flag.IntVar(&o.context, "context", 8192, "tokens of a step")
	flag.StringVar(&o.attention, "attention", "s2", "s2 or full")
	flag.StringVar(&o.weights, "weights", "bf16", "frozen matrices: bf16 or nf4")
	flag.IntVar(&o.steps, "steps", 3, "steps that are timed, after one that is not")
	flag.Int64Var(&o.memory, "memory", 0, "most memory to take, in bytes; 0: what is free")
	flag.Parse()
	if err := o.run(); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

// reserve is left to the driver, in bytes: trainer/run counts the same.
const reserve = 768 << 20

func (o *options) run() (err error) {
	c, ok := shapes[o.shape]
	if !ok {
		return fmt.Errorf("no shape %q", o.shape)
	}
	info, err := device.Choice{GPU: true}.Info()
	if err != nil {
		return err
	}
	limit := info.Free - reserve
	if o.memory > 0 {
		limit = min(limit, o.memory-reserve)
	}
	mo, batch, err := o.plan(c, limit)
	if err != nil {
		return err
	}
	b, err := device.Choice{GPU: true}.Open(cpu.Options{}, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if err := o.train(b.(*cuda.Backend), c, mo, batch); err != nil {
		return err
	}
	return o.report(info.String())
}

// plan chooses what is computed again.
func (o *options) plan(c model.Config, limit int64) (mo model.Options, b *model.Batch, err error) {
	var all []*cuda.Planner
	mo = model.Options{
		Context: o.context, Training: true, Frozen: kernels.BF16, Activations: kernels.BF16,
		Packed: packing(o.weights),
		Train:  []string{"embed", "norm"},
		LoRA: &model.LoRA{Targets: []string{"q_proj", "k_proj", "v_proj", "o_proj"}, Rank: 8,
			Alpha: 16},
		Rotary: rope.Spec{Kind: rope.Default, Theta: 10000, Factor: 1,
			Max: o.context}.Rotary(c.HeadDim),
		Planner: func() kernels.Backend {
			p := cuda.NewPlanner(cuda.Assumed())
			all = append(all, p)
			return p
		},
	}
	how, group := pattern.Full, 1
	if o.attention == "s2" {
		how, group = pattern.S2, max(o.context/4, 1)
	}
	b = model.Document(make([]int32, o.context), c.Heads)
	b.Segments = how(pattern.Layout{DocLens: []int32{int32(o.context)}, Heads: c.Heads, Group: group})
	for i := range b.IDs {
		b.IDs[i] = int32(i * 7919 % c.Vocab)
		b.Targets[i] = int32((i*7919 + 1) % c.Vocab)
		b.Weights[i] = 1
	}
	fixed, err := o.fixed(c, mo)
	if err != nil {
		return mo, nil, err
	}
	choice, err := model.Choose(c, mo, b, limit-fixed, 0)
	if err != nil {
		return mo, nil, err
	}
	for _, p := range all {
		o.working = o.working.Most(p.Working())
	}
	o.planned = fixed + choice.Bytes + o.working.Device()
	mo.Again, o.again = choice.Again, choice.Again
	if o.planned > limit {
		return mo, nil, fmt.Errorf("context %d takes %.1f GiB of %.1f", o.context, gib(o.planned),
			gib(limit))
	}
	return mo, b, nil
}

// fixed is the memory that does not depend on a step.
func (o *options) fixed(c model.Config, mo model.Options) (int64, error) {
	p := cuda.NewPlanner(cuda.Assumed())
	m, err := model.New(p, c, mo)
	if err != nil {
		return 0, err
	}
	values, training := m.StateBytes()
	return values + training + 4*int64(o.context)*int64(c.HeadDim), m.Close()
}

// train makes a model up and steps it.
func (o *options) train(b *cuda.Backend, c model.Config, mo model.Options,
	batch *model.Batch) (err error) {
	m, err := model.New(b, c, mo)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	if err := fill(m); err != nil {
		return err
	}
	var start time.Time
	for n := range o.steps + 1 {
		if n == 1 {
			start = time.Now()
		}
		loss, err := o.step(b, m, batch, n+1)
		if err != nil {
			return err
		}
		if math.IsNaN(loss) {
			return fmt.Errorf("step %d: the loss is no number", n)
		}
	}
	o.seconds = time.Since(start).Seconds() / float64(max(o.steps, 1))
	o.peak = b.Peak()
	p := cuda.NewPlanner(cuda.Assumed())
	twin, err := model.New(p, c, mo)
	if err != nil {
		return err
	}
	before := p.Seconds()
	_, err = twin.Gradient(batch, 1)
	o.prediction = p.Seconds() - before
	return errors.Join(err, twin.Close())
}

// fill makes values up, fast: pieces of one list of random numbers. Norms are 1.
func fill(m *model.Model) error {
	const std, prime = 0.02, 1<<20 - 3
	rng := rand.New(rand.NewPCG(1, 0))
	random := make([]float32, prime)
	for i := range random {
		random[i] = float32(std * rng.NormFloat64())
	}
	var values []float32
	for _, p := range m.Params() {
		values = values[:0]
		for p.Group == model.GroupNorm && len(values) < p.Len() {
			values = append(values, 1)
		}
		for len(values) < p.Len() {
			values = append(values, random[:min(prime, p.Len()-len(values))]...)
		}
		if err := m.SetParam(p, values); err != nil {
			return err
		}
	}
	return m.Backend().Sync()
}

func (o *options) step(b *cuda.Backend, m *model.Model, batch *model.Batch, n int) (float64, error) {
	m.ZeroGrads()
	loss, err := m.Gradient(batch, 1/float32(o.context))
	if err != nil {
		return 0, err
	}
	var grads []kernels.Tensor
	for _, p := range m.Params().Trainable() {
		grads = append(grads, p.Grad)
	}
	norm := math.Sqrt(b.SumSquares(grads...))
	for _, p := range m.Params().Trainable() {
		b.AdamW(p.Value, p.Grad, p.M, p.V, kernels.AdamWStep{LR: 2e-5, Beta1: 0.9, Beta2: 0.95,
			Eps: 1e-8, GradScale: float32(min(1, 1/norm)), Step: n})
	}
	return loss, b.Sync()
}

func (o *options) report(name string) error {
	figure := func(name string, value float64, unit string) map[string]any {
		return map[string]any{"name": name, "ours": value, "peer": nil, "unit": unit, "ratio": nil}
	}
	row := fmt.Sprintf("%s_%dk_%s", o.shape, o.context/1024, o.attention)
	if o.weights == "nf4" {
		row = fmt.Sprintf("%s_%dk_nf4_%s", o.shape, o.context/1024, o.attention)
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{
		"device": name, "recompute": fmt.Sprint(o.again),
		"figures": []any{
			figure(row+"_tok_s", float64(o.context)/o.seconds, "tokens/s"),
			figure(row+"_planned_gib", gib(o.planned), "GiB"),
			figure(row+"_peak_gib", gib(o.peak), "GiB"),
			figure(row+"_plan_peak_error", math.Abs(float64(o.planned)/float64(o.peak)-1), "of the peak"),
			figure(row+"_predicted_share", o.prediction/o.seconds, "of the time"),
		},
	})
}

func gib(bytes int64) float64 { return float64(bytes) / (1 << 30) }

// packing returns that of frozen matrices by the name of their storage.
func packing(weights string) model.Packing {
	_, p := model.Storage(weights)
	return p
}
