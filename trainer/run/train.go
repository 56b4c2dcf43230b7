package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"longlora/internal/atomicfile"
	"longlora/kernels"
	"longlora/kernels/cpu"
	"longlora/trainer/checkpoint"
	"longlora/trainer/data"
	"longlora/trainer/limits"
	"longlora/trainer/model"
	"longlora/trainer/monitor"
	"longlora/trainer/optimizer"
	"longlora/trainer/train"
)

// The names in a run's output directory beside configName.
const (
	metricsName     = "metrics.jsonl"
	checkpointsName = "checkpoints"
)

// Options say how Train treats its output directory.
type Options struct {
	// Resume continues from the last checkpoint there; Overwrite removes a run that is there.
	Resume, Overwrite bool
	// Progress receives a line a step.
	Progress io.Writer
}

// Train runs the training and writes the path of its result to w. The output directory is locked
// meanwhile.
func (r *Run) Train(ctx context.Context, o Options, w io.Writer) (err error) {
	if !o.Resume {
		if err := r.checkFrozen(); err != nil {
			return err
		}
	}
	out := r.Config.Out
	if err := os.MkdirAll(filepath.Dir(out), 0o777); err != nil {
		return err
	}
	release, err := atomicfile.Lock(out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	if err := prepareOut(out, o); err != nil {
		return err
	}
	b, err := r.openDevice()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	m, err := model.New(b, r.model.Model, r.options())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	if r.Config.Optimizer == OptimizerAdamW8Bit {
		if r.moments, err = optimizer.New(m); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.moments.Close()) }()
	}
	// Garbage is collected before the process grows beyond what was planned, and not only when there
	// is as much of it as of what lives, the arenas included.
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(r.need.host() - textBytes))
	if err := r.loop(ctx, m, o); err != nil {
		return err
	}
	if err := r.best(m); err != nil {
		return err
	}
	path, err := r.saveResult(m)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, path)
	return err
}

// backend returns what a run computes with.
func (c *Config) backend() cpu.Options {
	o := cpu.Options{Threads: limits.Host().Threads(c.Threads), Precision: kernels.F32}
	if c.Precision == "bf16" {
		o.Precision = kernels.BF16
	}
	return o
}

// prepareOut makes the output directory, or refuses one that holds something else. What a run left
// that ended before its first checkpoint is replaced.
func prepareOut(out string, o Options) error {
	entries, err := os.ReadDir(out)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if len(entries) > 0 && !o.Resume {
		if _, err := os.Stat(filepath.Join(out, configName)); err != nil {
			return fmt.Errorf("%s is not empty and holds no run: choose another --out", out)
		}
		_, err := checkpoint.Latest(filepath.Join(out, checkpointsName))
		if !errors.Is(err, checkpoint.ErrNone) && !o.Overwrite {
			return fmt.Errorf("%s holds a run: continue it with --resume, replace it with --overwrite, "+
				"or choose another --out", out)
		}
		if err := os.RemoveAll(out); err != nil {
			return err
		}
	}
	return os.MkdirAll(filepath.Join(out, checkpointsName), 0o777)
}

// loop trains m from its start or from a checkpoint.
func (r *Run) loop(ctx context.Context, m *model.Model, o Options) (err error) {
	c := &r.Config
	id, err := r.identity()
	if err != nil {
		return err
	}
	state, err := r.start(m, id)
	if err != nil {
		return err
	}
	if err := r.record(); err != nil {
		return err
	}
	e, err := c.openEngine(m)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	if err := e.reserve(c.microTokens()); err != nil {
		return fmt.Errorf("%w; lower --micro-tokens or --context, or use --recompute layer", err)
	}
	stream, err := r.openStream(context.WithoutCancel(ctx), r.source(c.Split), state.Position)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	log, err := train.OpenLog(filepath.Join(c.Out, metricsName), state.Step)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	watched, err := c.monitor(o.Progress)
	if err != nil {
		return err
	}
	if watched != nil {
		defer func() { err = errors.Join(err, watched.Close()) }()
	}
	layouts := r.layouts()
	l := &train.Loop{
		Options: c.loop(), Model: m, World: kernels.Solo{}, Data: stream,
		Attention: func(step int) data.Layout { return layouts[r.attends.Phase(step)] },
		State:     state, Gradient: e.gradient, Later: e.later, Moments: r.moments,
		Observe: func(x train.Metrics) error {
			if watched != nil {
				watched.Observe(x)
			}
			_, err := fmt.Fprintln(o.Progress, x.Line(c.Steps))
			return errors.Join(err, log.Write(x))
		},
	}
	l.Checkpoints = filepath.Join(c.Out, checkpointsName)
	if c.Validation != "" {
		l.Validate = func() (float64, error) { return r.validate(ctx, m) }
	}
	err = l.Run(ctx)
	if errors.Is(err, train.ErrInterrupted) {
		return fmt.Errorf("%w; continue with: trainer %s --resume --out %s", err, r.Command, c.Out)
	}
	return err
}

// best gives the model the values of the best validation, if they are to be the result, and says of
// which step they are.
func (r *Run) best(m *model.Model) error {
	root := filepath.Join(r.Config.Out, checkpointsName)
	latest, err := checkpoint.Latest(root)
	if err != nil {
		return err
	}
	s, err := checkpoint.ReadState(latest)
	if r.ended = s.Step; err != nil || !r.Config.KeepBest || s.Best == nil || s.Best.Step == s.Step {
		return err
	}
	r.ended = s.Best.Step
	_, err = checkpoint.Restore(checkpoint.Step(root, s.Best.Step), m, r.moments)
	return err
}

// monitor serves the run's metrics, if that is asked for; nil: it is not.
func (c *Config) monitor(progress io.Writer) (*monitor.Monitor, error) {
	if c.Metrics == "" {
		return nil, nil
	}
	m, err := monitor.Listen(c.Metrics, c.Steps)
	if err == nil {
		_, err = fmt.Fprintf(progress, "metrics at http://%s/metrics\n", m.Address())
	}
	return m, err
}

// start gives the model its values: the base's or new ones, and then the checkpoint's, if the
// output directory has one of this run.
func (r *Run) start(m *model.Model, id map[string]any) (checkpoint.State, error) {
	state := checkpoint.State{Backend: m.Backend().Name(), Config: id}
	latest, err := checkpoint.Latest(filepath.Join(r.Config.Out, checkpointsName))
	if err != nil && !errors.Is(err, checkpoint.ErrNone) {
		return state, err
	}
	if err == nil {
		if err := r.compare(latest, state); err != nil {
			return state, err
		}
	}
	if err := r.load(m); err != nil || latest == "" {
		return state, err
	}
	return checkpoint.Restore(latest, m, r.moments)
}

// compare refuses a checkpoint that another run made.
func (r *Run) compare(dir string, now checkpoint.State) error {
	then, err := checkpoint.ReadState(dir)
	if err != nil {
		return err
	}
	differ, err := checkpoint.Differences(then, now)
	if err != nil {
		return err
	}
	if tier(then.Backend) != tier(now.Backend) {
		differ = append(differ, otherBackend(then.Backend, now.Backend))
	}
	if len(differ) > 0 {
		return fmt.Errorf("cannot resume %s: %s; set these as they were, or start another run in "+
			"another --out", r.Config.Out, strings.Join(differ, "; "))
	}
	return nil
}

// tier is a backend's name without its precision, which is an option of the run.
func tier(backend string) string { return strings.TrimSuffix(backend, "/bf16") }

// record writes the resolved configuration beside the results, and which steps attend by what.
func (r *Run) record() error {
	text, err := r.Config.YAML()
	if err != nil {
		return err
	}
	text = fmt.Appendf(nil, "# attention: %s\n%s", r.attends.String(), text)
	return atomicfile.Write(filepath.Join(r.Config.Out, configName), text)
}

// validate returns the weighted mean loss of the validation split, under full attention.
func (r *Run) validate(ctx context.Context, m *model.Model) (float64, error) {
	c := &r.Config
	source := r.source(c.Validation)
	source.Shuffle = false
	n := source.Rows()
	if c.EvalSequences > 0 {
		n = min(n, int64(c.EvalSequences))
	}
	stream, err := r.openStream(context.WithoutCancel(ctx), source, data.Position{})
	if err != nil {
		return 0, err
	}
	defer stream.Close()
	var rows []*data.Row
	for range n {
		row, err := stream.Next()
		if err != nil {
			return 0, err
		}
		if c.LossMean == LossMeanDocument {
			row.PerDocument()
		}
		rows = append(rows, row)
	}
	return meanLoss(m, rows, r.fullLayout(), c.MicroTokens)
}

func meanLoss(m *model.Model, rows []*data.Row, layout data.Layout, tokens int) (float64, error) {
	var sum, weight float64
	for _, group := range data.Groups(rows, tokens) {
		b := layout.Join(group)
		losses, err := m.Losses(b)
		if err != nil {
			return 0, err
		}
		for t, l := range losses {
			if b.Targets[t] >= 0 {
				sum += float64(b.Weights[t]) * float64(l)
				weight += float64(b.Weights[t])
			}
		}
	}
	if weight == 0 {
		return 0, errors.New("the validation split has no target with a weight")
	}
	return sum / weight, nil
}
