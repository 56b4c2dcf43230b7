package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"longlora/internal/store/cloud/dataset"
	"longlora/kernels"
	"longlora/kernels/cpu"
	"longlora/kernels/cuda"
	"longlora/kernels/machine"
	"longlora/kernels/plan"
	"longlora/trainer/attention"
	"longlora/trainer/device"
	"longlora/trainer/limits"
	"longlora/trainer/model"
)

// contextBytes is what the driver takes of a GPU's memory for itself, its kernels and cublasLt's: a
// guess, which no card has confirmed yet.
const contextBytes = 768 << 20

// gpu is what a run knows of its GPU.
type gpu struct {
	choice device.Choice
	// host is what the run may take of the host's memory.
	host int64
	// planners are those that counted since the last count began.
	planners []*cuda.Planner
}

// gpuMemory returns what the options say that may be taken of a GPU's memory; 0: nothing.
func (c *Config) gpuMemory() (int64, error) {
	if c.GPUMemory == "" {
		return 0, nil
	}
	var size dataset.Size
	if err := size.Set(c.GPUMemory); err != nil {
		return 0, fmt.Errorf("gpu_memory: %w", err)
	}
	return int64(size), nil
}

// setDevice finds the device. Frozen matrices on a GPU are brain floats, or have four bits.
func (r *Run) setDevice(context.Context) error {
	c := &r.Config
	if c.GPUMemory != "" && c.Device == device.Auto {
		c.Device = device.CUDA
	}
	choice, err := device.Parse(c.Device)
	if err == nil && !choice.GPU && (c.Recompute == RecomputeOffload || c.EmbedMoments == MomentsHost) {
		err = errors.New("recompute offload and embed_moments host are for a GPU: the CPU's memory is the " +
			"host's; add --device cuda, or leave them out")
	}
	if err != nil || !choice.GPU {
		c.Device = device.CPU
		return err
	}
	if c.Optimizer == OptimizerAdamW8Bit {
		return errors.New("optimizer adamw8bit computes on the CPU: add --device cpu, or use adamw")
	}
	if err := c.checkCombination(true); err != nil {
		return err
	}
	if err := r.model.Model.OnGPU(); err != nil {
		return err
	}
	if r.model.Model.HeadDim > cuda.MaxHeadDim {
		return fmt.Errorf("head_dim is %d, and on a GPU at most %d: use --device cpu",
			r.model.Model.HeadDim, cuda.MaxHeadDim)
	}
	c.Device = choice.String()
	if c.Weights == "f32" {
		c.Weights = "bf16"
	}
	r.gpu = &gpu{choice: choice}
	return nil
}

// deviceLimit returns the memory that a run may take: of the GPU, what the options say or else what is
// free on it; of the host, what it has, or what the options say, for a GPU that is not here.
func (r *Run) deviceLimit(own int64) (int64, error) {
	host := limits.Host()
	if r.gpu == nil {
		return min(own, host.Memory()), nil
	}
	capped, err := r.Config.gpuMemory()
	if err != nil {
		return 0, err
	}
	info, err := r.gpu.choice.Info()
	switch {
	case err != nil && capped == 0:
		return 0, err
	case err != nil: // a plan for a GPU that is not here
		r.gpu.host = own
		if r.Config.Memory == "" {
			r.gpu.host = host.Memory()
		}
		return capped, nil
	}
	r.gpu.host = min(own, host.Free()/4*3)
	if capped == 0 {
		return info.Free, nil
	}
	return min(capped, info.Free), nil
}

// openDevice returns the backend that trains. A GPU's operators get their working memory at once.
func (r *Run) openDevice() (kernels.Backend, error) {
	if r.gpu == nil {
		return cpu.Open(r.Config.backend())
	}
	most, err := r.Config.gpuMemory()
	if err != nil {
		return nil, err
	}
	b, err := r.gpu.choice.Open(r.Config.backend(), most)
	if err != nil {
		return nil, err
	}
	if g, ok := b.(*cuda.Backend); ok {
		err = g.Reserve(r.gpu.working())
	}
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// otherBackend says what makes a run's backend another.
func otherBackend(then, now string) string {
	if strings.HasPrefix(then, device.CUDA) || strings.HasPrefix(now, device.CUDA) {
		return fmt.Sprintf("it ran on %s and would on %s, which --device chooses", then, now)
	}
	return "the environment variable " + machine.TierVariable + " chooses the backend"
}

// newPlanner returns the backend that counts for the run's device.
func (r *Run) newPlanner() kernels.Backend {
	if r.gpu == nil {
		return plan.New()
	}
	p := cuda.NewPlanner(cuda.Assumed())
	r.gpu.planners = append(r.gpu.planners, p)
	return p
}

// working is the working memory that the planners have counted.
func (g *gpu) working() (w cuda.Working) {
	for _, p := range g.planners {
		w = w.Most(p.Working())
	}
	return w
}

// countDevice adds to the need what a GPU takes beside tensors, and puts the process's share where it
// is: on the host.
func (r *Run) countDevice() {
	if r.gpu == nil {
		return
	}
	n := &r.need
	n.Host, n.Process, n.Operators = n.Process, 0, 0
	w := r.gpu.working()
	n.Operators = w.Device()
	n.Batches = w.Host()
	n.Driver = contextBytes
}

// gpuTable prints what a plan for a GPU has more: host memory, the policy's time at assumed rates, and
// what full attention would take.
func (r *Run) gpuTable(w io.Writer) error {
	seconds, err := r.seconds()
	if err != nil {
		return err
	}
	tokens := float64(r.Config.microTokens())
	_, err = fmt.Fprintf(w, "predicted %.0f tokens/s, if products run at 600 TFLOP/s, attention at 250 "+
		"forward and 170\nbackward, memory at 3.5 TB/s, copies from and to the host at 45 GB/s: assumed of "+
		"one H200 and not\nmeasured\n", tokens/seconds)
	sparse := r.attends.TotalCost(r.model.Model.Layers, r.Config.Context, r.model.Model.Heads) < 1
	if err != nil || !sparse {
		return err
	}
	full := *r
	full.attends = attention.Plan{Phases: []attention.Phase{{
		From: 1, To: 1, Choice: attention.Choice{Pattern: AttentionFull},
	}}}
	longer, err := full.seconds()
	if err != nil {
		return err
	}
	gain := longer / seconds
	name := "S2"
	if len(r.attends.Phases)+len(r.attends.Layers) > 1 || r.Config.Attention != AttentionS2 {
		name = "this attention"
	}
	advice := "it is the better choice where quality matters"
	if gain > worthwhile {
		advice = name + " is worth it"
	}
	_, err = fmt.Fprintf(w, "full attention: %.0f tokens/s, %s gains %.2fx: %s\n",
		tokens/longer, name, gain, advice)
	return err
}

// worthwhile is the gain in speed from which on S2 is advised: below it, full attention, which the
// model has in evaluation, costs less than what training without it may lose.
const worthwhile = 1.25

// seconds is the time of a micro-batch's gradient, at assumed rates: the mean over the steps.
func (r *Run) seconds() (mean float64, err error) {
	steps := r.attends.Phases[len(r.attends.Phases)-1].To
	for i, phase := range r.attends.Phases {
		s, err := r.secondsOf(i)
		if err != nil {
			return 0, err
		}
		mean += s * float64(phase.To-phase.From+1) / float64(steps)
	}
	return mean, nil
}

// secondsOf is seconds in a phase.
func (r *Run) secondsOf(phase int) (s float64, err error) {
	p := cuda.NewPlanner(cuda.Assumed())
	m, err := model.New(p, r.model.Model, r.planOptions())
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	before := p.Seconds()
	_, err = m.Gradient(r.like(phase), 1)
	return p.Seconds() - before, err
}

// like is a micro-batch that a plan counts: documents as long as the context, under the attention of
// a phase of the training.
func (r *Run) like(phase int) *model.Batch {
	tokens, context := r.Config.microTokens(), r.Config.Context
	b := model.Blank(tokens, r.model.Model.Heads)
	var lens []int32
	for from := 0; from < tokens; from += context {
		lens = append(lens, int32(min(context, tokens-from)))
	}
	for i := range b.Positions {
		b.Positions[i] = int32(i % context)
	}
	b.Layers = r.attends.Each(phase, r.model.Model.Layers, lens, r.model.Model.Heads)
	return b
}
