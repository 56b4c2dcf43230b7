package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"longlora/internal/store/cloud/dataset"
	"longlora/kernels"
	"longlora/trainer/limits"
	"longlora/trainer/model"
	"longlora/trainer/optimizer"
)

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
	// Operators is the working memory of a GPU's operators and Driver what the driver takes of its
	// memory (an estimate); Host is then the process's, and Process 0. Of the host's memory, Offloaded
	// is what layers' activations and moments take, Batches what passes through on its way. On the CPU
	// all are 0.
	Operators, Driver, Host, Offloaded, Batches int64
}

// Weights returns the bytes of all values.
func (n Need) Weights() int64 { return n.Frozen + n.Masters }

// Activations returns the bytes of a step's working memory.
func (n Need) Activations() int64 { return n.Kept + n.Workspace }

// Total returns the bytes of all.
func (n Need) Total() int64 {
	return n.Weights() + n.Optimizer + n.Tables + n.Activations() + n.Process + n.Operators + n.Driver
}

// host returns the bytes of the host's memory.
func (n Need) host() int64 {
	if n.Host > 0 {
		return n.Host + n.Offloaded + n.Batches
	}
	return n.Total()
}

// microTokens bounds the tokens of a micro-batch: a long sequence goes alone.
func (c *Config) microTokens() int { return max(c.Context, c.MicroTokens) }

// options returns how the model is held.
func (r *Run) options() model.Options {
	c := &r.Config
	o := model.Options{
		Context: c.Context, Planner: r.newPlanner,
		Training: true, Train: []string{model.TrainAll},
	}
	r.model.SetRotary(&o)
	o.Again, o.Noise = r.again, c.NEFTune
	if c.Optimizer == OptimizerAdamW8Bit {
		o.MomentsBelow = optimizer.Least
	}
	o.Frozen, o.Packed = model.Storage(c.Weights)
	if r.base != nil {
		o.Packed = r.base.Packing(o.Packed)
	}
	if r.gpu != nil {
		o.Activations, o.HostMoments = kernels.BF16, c.EmbedMoments == MomentsHost
	}
	if c.Method == MethodLoRA {
		o.LoRA, o.Train = r.lora(), c.Train
		if r.gpu != nil {
			o.Spare = (c.LoRARank + 7) / 8 * 8 // as the kernels round it
		}
	}
	return o
}

// everything is what --recompute layer computes again, and offload moves to the host as well.
func (r *Run) everything(offload bool) []model.Again {
	room := int64(0)
	if offload && r.gpu != nil {
		room = max(r.gpu.host-r.need.host()+r.need.Offloaded, 0)
	}
	return model.Everything(r.model.Model, r.planOptions(), r.Config.microTokens(), room)
}

// memory returns what the process may take by the options; math.MaxInt64: they do not say.
func (c *Config) memory() (int64, error) {
	if c.Memory == "" {
		return math.MaxInt64, nil
	}
	var size dataset.Size
	if err := size.Set(c.Memory); err != nil {
		return 0, fmt.Errorf("memory: %w", err)
	}
	return int64(size), nil
}

// setMemory decides what is computed again, and counts what the run will need.
func (r *Run) setMemory(context.Context) error {
	c, host := &r.Config, limits.Host()
	own, err := c.memory()
	if err != nil {
		return err
	}
	if r.limit, err = r.deviceLimit(own); err != nil {
		return err
	}
	r.again = nil
	if c.Recompute == RecomputeOffload { // by what the rest takes of the host
		if err := r.count(); err != nil {
			return err
		}
	}
	if c.Recompute == RecomputeLayer || c.Recompute == RecomputeOffload {
		r.again = r.everything(c.Recompute == RecomputeOffload)
	}
	if err := r.count(); err != nil || c.Recompute != RecomputeAuto || c.Engine != EngineNative {
		return err
	}
	budget := own
	if r.gpu != nil {
		budget = r.limit
	} else if c.Memory == "" {
		budget = min(r.limit, host.Free()/4*3)
	}
	if r.need.Total() <= budget {
		return nil
	}
	shape := r.model.Model
	like := r.like(r.attends.Costliest(shape.Layers, c.Context, shape.Heads))
	rest, room := r.need.Total()-r.need.Activations(), int64(0)
	if r.gpu != nil {
		room = max(r.gpu.host-r.need.host(), 0)
	}
	choice, err := model.Choose(r.model.Model, r.planOptions(), like, budget-rest, room)
	if err != nil {
		return err
	}
	r.again = choice.Again
	return r.count()
}

// checkMemory refuses a run that cannot fit, and names the nearest that does.
func (r *Run) checkMemory() error {
	if err := r.checkHost(); err != nil {
		return err
	}
	need, limit := r.need.Total(), r.limit
	if need <= limit {
		return nil
	}
	longest, err := r.longest(limit)
	if err != nil {
		return err
	}
	way := "no context fits: choose a smaller model, a lower --lora-rank or --weights bf16"
	if longest > 0 {
		way = fmt.Sprintf("lower --context, and --micro-tokens, to %d, with --recompute %s", longest,
			r.leastMemory())
		if r.Config.Engine == EngineGorgonia {
			way = fmt.Sprintf("lower --context, and --micro-tokens, to %d, or use --engine native", longest)
		}
	}
	return fmt.Errorf("a run at context %d takes %s, of %s that there are; %s", r.Config.Context,
		mib(need), mib(limit), way)
}

// checkHost refuses a run on a GPU that takes more of the host's memory than there is.
func (r *Run) checkHost() error {
	if r.gpu == nil || r.need.Offloaded == 0 || r.need.host() <= r.gpu.host {
		return nil
	}
	return fmt.Errorf("a run at context %d takes %s of the host's memory, of %s that may be taken: lower "+
		"--context, or keep more on the GPU: --embed-moments gpu, --recompute layer", r.Config.Context,
		mib(r.need.host()), mib(r.gpu.host))
}

// planOptions are options with tables that are cheap to make: only their size counts.
func (r *Run) planOptions() model.Options {
	o, half := r.options(), r.model.Model.RotaryDim()/2
	o.Rotary = func(n int) (cos, sin []float32) {
		zeros := make([]float32, n*half)
		return zeros, zeros
	}
	o.LocalRotary = o.Rotary
	return o
}

// count fills in r.need by a step on the planning backend.
func (r *Run) count() (err error) {
	if r.gpu != nil {
		r.gpu.planners = nil
	}
	b := r.newPlanner()
	defer func() { err = errors.Join(err, b.Close()) }()
	m, err := model.New(b, r.model.Model, r.planOptions())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	n := &r.need
	n.Parameters, n.Trained = m.Params().Count(), m.Params().Trainable().Count()
	values, training := m.StateBytes()
	n.Masters, n.Optimizer = r.masters(m), training
	if r.Config.Optimizer == OptimizerAdamW8Bit {
		n.Optimizer += optimizer.Bytes(m.Params())
	}
	n.Frozen = values - n.Masters
	n.Offloaded = m.HostBytes(r.Config.microTokens())
	n.Tables = r.model.Model.TableBytes(r.Config.Context)
	all, kept, err := r.Config.stepBytes(m)
	n.Kept, n.Workspace = kept, all-kept
	n.Process = r.process(m)
	r.countDevice()
	return err
}

// masters returns the bytes of the values that are trained.
func (r *Run) masters(m *model.Model) (n int64) {
	for _, p := range m.Params().Trainable() {
		n += (4*int64(p.Len()) + 63) / 64 * 64 // as arenas align them
	}
	return n
}

// Describe prints the resolved run as a run file, with what it needs as comments.
func (r *Run) Describe(w io.Writer) error {
	if err := r.checkFrozen(); err != nil {
		return err
	}
	text, err := r.Config.YAML()
	if err != nil {
		return err
	}
	operations, err := r.describeOperations()
	if err != nil {
		return err
	}
	m := r.dataset.Manifest()
	rows, tokens := r.dataset.Count(r.Config.Split)
	_, err = fmt.Fprintf(w, `# trainer %s
%s# shards      %s, %d sequences, %d tokens in split %s
# rope        %s, factor %g, %d positions (%d before any extension)
# attention   %s
# operations  %s
# parameters  %d, of which %d are trained
# memory      %s: weights %s, gradients and moments %s, activations %s,
#             process %s
# again       %s
`, r.Command, text, m.Name, rows, tokens, r.Config.Split,
		r.model.RoPE.Kind, r.model.RoPE.Factor, r.model.RoPE.Max, r.model.RoPE.Original,
		r.describeAttention(), operations,
		r.need.Parameters, r.need.Trained, mib(r.need.Total()), mib(r.need.Weights()),
		mib(r.need.Optimizer), mib(r.need.Activations()), mib(r.need.Tables+r.need.Process),
		strings.Join(r.describeAgain(), "; "))
	return err
}

func mib(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
