//go:build gpu

// Measure times training steps of models of known shapes on the GPU that is here: their weights are
// made up. It prints tokens a second, the share of that which the rates of single operators would give,
// and the planned and the reserved peak of the GPU's memory, as JSON. With -longest it finds the longest
// context that fits and takes a step of it; with -compare it writes a small model with its gradients for
// scripts/bench/gpu_step.py to hold against PyTorch's.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"

	"longlora/internal/store/cloud/dataset"
	"longlora/kernels/cpu"
	"longlora/kernels/cuda"
	"longlora/trainer/device"
	"longlora/trainer/limits"
	"longlora/trainer/model"
)

// shapes are those of Llama 2 7B and 70B and of Llama 3 8B, and small ones to try the program with and to
// compare.
var shapes = map[string]model.Config{
	"7B": {Vocab: 32000, Hidden: 4096, Layers: 32, Heads: 32, KVHeads: 32, HeadDim: 128, FFN: 11008,
		Eps: 1e-5},
	"8B": {Vocab: 128256, Hidden: 4096, Layers: 32, Heads: 32, KVHeads: 8, HeadDim: 128, FFN: 14336,
		Eps: 1e-5},
	"70B": {Vocab: 32000, Hidden: 8192, Layers: 80, Heads: 64, KVHeads: 8, HeadDim: 128, FFN: 28672,
		Eps: 1e-5},
	"small": {Vocab: 512, Hidden: 256, Layers: 4, Heads: 8, KVHeads: 4, HeadDim: 32, FFN: 688, Eps: 1e-5},
	"tiny":  {Vocab: 64, Hidden: 32, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 8, FFN: 64, Eps: 1e-5},
}

type options struct {
	shape, attention, weights string
	context, steps            int
	cap, rates, compare, name string
	longest, offload          bool
	graphs, appended          bool
	seconds                   float64

	config              model.Config
	limit, host         int64 // bytes that may be taken
	planned, peak, used int64
	step, prediction    float64 // seconds
	again               []model.Again
	captures, replays   int64
}

func main() {
	var o options
	flag.StringVar(&o.shape, "shape", "7B", "model: 7B, 8B, 70B, small or tiny")
	flag.IntVar(&o.context, "context", 8192, "tokens of a step")
	flag.StringVar(&o.attention, "attention", "s2", "s2 or full")
	flag.StringVar(&o.weights, "weights", "bf16", "frozen matrices: bf16 or nf4")
	flag.IntVar(&o.steps, "steps", 4, "steps that are timed, after three that are not")
	flag.StringVar(&o.cap, "memory", "", "most memory to take, as 24GiB; default: what is free")
	flag.StringVar(&o.rates, "rates", "", "figures of the operators on this card (kernels/cuda/measure)")
	flag.BoolVar(&o.longest, "longest", false, "find the longest context that fits and take a step of it")
	flag.BoolVar(&o.offload, "offload", false, "let layers' activations go to the host")
	flag.BoolVar(&o.graphs, "graphs", true, "replay steps as graphs")
	flag.BoolVar(&o.appended, "append", true, "make LoRA's products part of the large ones")
	flag.Float64Var(&o.seconds, "seconds", math.Inf(1), "with -longest: most seconds that a step may "+
		"take by prediction; a shorter context is taken")
	flag.StringVar(&o.name, "name", "", "name of the figure of -longest")
	flag.StringVar(&o.compare, "compare", "", "folder for a model and its gradients")
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
	o.config = c
	info, err := device.Choice{GPU: true}.Info()
	if err != nil {
		return err
	}
	o.limit = info.Free - reserve
	if o.cap != "" {
		var size dataset.Size
		if err := size.Set(o.cap); err != nil {
			return err
		}
		o.limit = min(o.limit, int64(size)-reserve)
	}
	if o.offload {
		o.host = limits.Host().Free() / 4 * 3
	}
	p, err := o.plan()
	if err != nil {
		return err
	}
	opened, err := device.Choice{GPU: true}.Open(cpu.Options{}, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	b := opened.(*cuda.Backend)
	if !o.graphs {
		b.NoGraphs()
	}
	if o.compare != "" {
		return o.write(b, p)
	}
	if err := o.train(b, p); err != nil {
		return err
	}
	return o.report(info.String())
}

// report prints the figures.
func (o *options) report(name string) error {
	var all []any
	add := func(name string, value float64, unit string) {
		all = append(all, map[string]any{
			"name": name, "ours": value, "peer": nil, "unit": unit, "ratio": nil})
	}
	row := fmt.Sprintf("%s_%dk_%s", o.shape, o.context/1000, o.attention)
	if o.weights == "nf4" {
		row = fmt.Sprintf("%s_%dk_nf4_%s", o.shape, o.context/1000, o.attention)
	}
	if o.longest {
		row = o.name
		add(row, float64(o.context), "tokens")
	}
	if !o.graphs {
		row += "_no_graphs"
	}
	if !o.appended {
		row += "_not_appended"
	}
	add(row+"_tok_s", float64(o.context)/o.step, "tokens/s")
	add(row+"_planned_gib", gib(o.planned), "GiB")
	add(row+"_peak_gib", gib(o.peak), "GiB")
	add(row+"_plan_peak_error", math.Abs(float64(o.planned)/float64(o.peak)-1), "of the peak")
	add(row+"_card_gib", gib(o.used), "GiB")
	if o.prediction > 0 {
		add(row+"_step_share_of_roofline", o.prediction/o.step, "of the rates of its operators")
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{
		"device": name, "recompute": fmt.Sprint(o.again), "figures": all,
		"graphs": map[string]any{"captured": o.captures, "replayed": o.replays},
	})
}

func gib(bytes int64) float64 { return float64(bytes) / (1 << 30) }
