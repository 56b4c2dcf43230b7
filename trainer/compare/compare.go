// Package compare reads training runs and puts them side by side: what was configured otherwise,
// what came of it, and their curves as files for TensorBoard.
package compare

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"text/tabwriter"

	"longlora/internal/atomicfile"
	"longlora/trainer/run"
	"longlora/trainer/tensorboard"
	"longlora/trainer/train"
)

// metricsName is the file of a run's steps.
const metricsName = "metrics.jsonl"

// Run is a training run.
type Run struct {
	Name    string          `json:"name"`
	Config  run.Config      `json:"-"`
	Metrics []train.Metrics `json:"-"`
	Result
}

// Result sums a run up.
type Result struct {
	Steps  int   `json:"steps"`
	Tokens int64 `json:"tokens"`
	// First and Last are mean losses of the first and the last tenth of the steps, at least one.
	First float64 `json:"first_loss"`
	Last  float64 `json:"last_loss"`
	// Best is the least validation loss, at step BestStep; 0 steps: none was taken.
	Best     float64 `json:"best_validation,omitempty"`
	BestStep int     `json:"best_step,omitempty"`
	// TokensPerSecond is that of all steps together.
	TokensPerSecond float64 `json:"tokens_per_second"`
}

// Difference is an option that is not the same in all runs.
type Difference struct {
	Key    string   `json:"key"`
	Values []string `json:"values"`
}

// Comparison is that of several runs.
type Comparison struct {
	Runs        []Run        `json:"runs"`
	Differences []Difference `json:"differences"`
}

// Read reads runs by their output directories.
func Read(dirs []string) (*Comparison, error) {
	c := &Comparison{}
	for _, dir := range dirs {
		r, err := read(dir)
		if err != nil {
			return nil, fmt.Errorf("compare: %w", err)
		}
		c.Runs = append(c.Runs, r)
	}
	c.differ()
	return c, nil
}

func read(dir string) (Run, error) {
	r := Run{Name: dir}
	var err error
	if r.Config, err = run.Recorded(dir); err != nil {
		return r, err
	}
	path := filepath.Join(dir, metricsName)
	file, err := os.Open(path)
	if err != nil {
		return r, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		var m train.Metrics
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return r, fmt.Errorf("%s: line %d: %w", path, n, err)
		}
		r.Metrics = append(r.Metrics, m)
	}
	if err := lines.Err(); err != nil {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	if len(r.Metrics) == 0 {
		return r, fmt.Errorf("%s holds no step", path)
	}
	r.Result = sum(r.Metrics)
	return r, nil
}

// sum sums steps up.
func sum(steps []train.Metrics) Result {
	last := steps[len(steps)-1]
	r := Result{Steps: last.Step, Tokens: last.Tokens}
	seconds, n := 0.0, max(len(steps)/10, 1)
	for i, m := range steps {
		seconds += m.Seconds
		if i < n {
			r.First += m.Loss / float64(n)
		}
		if i >= len(steps)-n {
			r.Last += m.Loss / float64(n)
		}
		if m.Validation != nil && (r.BestStep == 0 || *m.Validation < r.Best) {
			r.Best, r.BestStep = *m.Validation, m.Step
		}
	}
	if seconds > 0 {
		r.TokensPerSecond = float64(r.Tokens) / seconds
	}
	return r
}

// differ finds the options in which runs differ; where they were written does not count.
func (c *Comparison) differ() {
	for i, f := range c.Runs[0].Config.Fields() {
		d := Difference{Key: f.Key}
		for k := range c.Runs {
			value := reflect.ValueOf(c.Runs[k].Config.Fields()[i].Value).Elem().Interface()
			d.Values = append(d.Values, fmt.Sprint(value))
		}
		other := func(v string) bool { return v != d.Values[0] }
		if f.Key != "out" && slices.ContainsFunc(d.Values, other) {
			c.Differences = append(c.Differences, d)
		}
	}
}

// Write writes the comparison for people.
func (c *Comparison) Write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "run\tsteps\ttokens\tfirst loss\tlast loss\tbest validation\tat step\ttokens/s")
	for _, r := range c.Runs {
		best, at := "–", "–"
		if r.BestStep > 0 {
			best, at = fmt.Sprintf("%.4f", r.Best), fmt.Sprint(r.BestStep)
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%.4f\t%.4f\t%s\t%s\t%.0f\n", r.Name, r.Steps, r.Tokens, r.First,
			r.Last, best, at, r.TokensPerSecond)
	}
	for i, d := range c.Differences {
		if i == 0 {
			fmt.Fprintln(t)
		}
		fmt.Fprintf(t, "%s", d.Key)
		for _, v := range d.Values {
			fmt.Fprintf(t, "\t%s", v)
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// Events writes a folder for TensorBoard: one folder a run, named by its number and base name. The
// time of a step is the time that was trained up to it.
func (c *Comparison) Events(dir string) error {
	for i, r := range c.Runs {
		folder := filepath.Join(dir, fmt.Sprintf("%d-%s", i+1, filepath.Base(r.Name)))
		if err := os.MkdirAll(folder, 0o777); err != nil {
			return err
		}
		file, err := atomicfile.Create(filepath.Join(folder, tensorboard.FileName))
		if err != nil {
			return err
		}
		if err := r.events(file); err != nil {
			return errors.Join(err, file.Abort())
		}
		if err := file.Commit(); err != nil {
			return err
		}
	}
	return nil
}

func (r *Run) events(w io.Writer) error {
	out, err := tensorboard.NewWriter(w)
	if err != nil {
		return err
	}
	seconds := 0.0
	for _, m := range r.Metrics {
		seconds += m.Seconds
		scalars := []tensorboard.Scalar{{Tag: "loss", Value: m.Loss},
			{Tag: "gradient norm", Value: m.GradNorm}, {Tag: "learning rate", Value: m.LR},
			{Tag: "tokens", Value: float64(m.Tokens)}, {Tag: "tokens per second", Value: m.TokensPerSecond}}
		if m.Validation != nil {
			scalars = append(scalars, tensorboard.Scalar{Tag: "validation loss", Value: *m.Validation})
		}
		if err := out.Write(int64(m.Step), seconds, scalars); err != nil {
			return err
		}
	}
	return nil
}
