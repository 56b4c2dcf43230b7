package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"longlora/internal/atomicfile"
	"longlora/trainer/eval"
)

// Report is what is known of a fine-tuning.
type Report struct {
	// FarCopy compares, in this order, the base in a sliding window, the base with interpolated
	// positions, and the fine-tuned model.
	FarCopy eval.FarCopyReport
	// Before and After are the perplexities of held-out answers before and after the stage that
	// teaches them; they may be empty.
	Before, After eval.Perplexity
	// PassKey is the fine-tuned model's recall; it may be empty.
	PassKey []eval.Recall
	Stages  []Stage
	// Example is one answer of the model; it may be empty.
	Example Example
	// Seconds is the time of everything.
	Seconds float64
	// Places says where what was made is.
	Places []Place
}

// Example is a line of predict: a question over a long context, the model's answer, and the right
// one.
type Example struct {
	ID          string `json:"id"`
	Tokens      int    `json:"prompt_tokens"`
	Instruction string `json:"instruction"`
	Prediction  string `json:"prediction"`
	Reference   string `json:"reference"`
}

// Stage is one training run.
type Stage struct {
	Name  string
	Steps []Step
}

// Step is a line of a run's metrics.jsonl, as far as it is shown.
type Step struct {
	Step            int     `json:"step"`
	Loss            float64 `json:"loss"`
	Tokens          int64   `json:"tokens"`
	TokensPerSecond float64 `json:"tokens_per_second"`
	Seconds         float64 `json:"seconds"`
}

// Place is a file or directory that was made.
type Place struct{ What, Path string }

// systems is the number of systems that a report compares, in the order of Report.FarCopy.
const systems = 3

// The systems.
const (
	window = iota
	interpolated
	finetuned
)

// ReadStage reads the metrics.jsonl of a run's directory.
func ReadStage(name, dir string) (Stage, error) {
	path := filepath.Join(dir, "metrics.jsonl")
	data, err := os.ReadFile(path)
	if err != nil {
		return Stage{}, fmt.Errorf("stage %s: %w", name, err)
	}
	s := Stage{Name: name}
	for d := json.NewDecoder(bytes.NewReader(data)); d.More(); {
		var step Step
		if err := d.Decode(&step); err != nil {
			return Stage{}, fmt.Errorf("stage %s: %s: line %d: %w", name, path, len(s.Steps)+1, err)
		}
		s.Steps = append(s.Steps, step)
	}
	if len(s.Steps) == 0 {
		return Stage{}, fmt.Errorf("stage %s: %s holds no step", name, path)
	}
	return s, nil
}

// Ends returns the mean losses of the stage's first and last steps: a tenth of all, but at least
// four, because single steps differ by what they read.
func (s *Stage) Ends() (first, last float64) {
	n := min(max(len(s.Steps)/10, 4), len(s.Steps))
	for i := range n {
		first += s.Steps[i].Loss / float64(n)
		last += s.Steps[len(s.Steps)-1-i].Loss / float64(n)
	}
	return first, last
}

// Rate returns the stage's tokens per second: all its tokens by all its time.
func (s *Stage) Rate() float64 {
	var seconds float64
	for _, p := range s.Steps {
		seconds += p.Seconds
	}
	return float64(s.Steps[len(s.Steps)-1].Tokens) / seconds
}

// Validate reports what keeps a report from being written.
func (r *Report) Validate() error {
	if n := len(r.FarCopy.Systems); n != systems || len(r.FarCopy.Differences) != systems-1 {
		return fmt.Errorf("report: far-copy holds %d systems and %d differences, want %d and %d",
			n, len(r.FarCopy.Differences), systems, systems-1)
	}
	buckets := len(r.FarCopy.Systems[finetuned].All.Buckets)
	for _, y := range r.FarCopy.Systems {
		if len(y.All.Buckets) != buckets || buckets == 0 {
			return fmt.Errorf("report: %s has %d buckets of positions, the fine-tuned model %d",
				y.System, len(y.All.Buckets), buckets)
		}
	}
	if len(r.Stages) == 0 {
		return errors.New("report: no training stage")
	}
	return nil
}

// Write puts summary.json and report.html into a directory.
func (r *Report) Write(dir string) error {
	if err := r.Validate(); err != nil {
		return err
	}
	summary, err := json.MarshalIndent(r.Summary(), "", "  ")
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	page, err := r.html()
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return errors.Join(
		atomicfile.Write(filepath.Join(dir, "summary.json"), append(summary, '\n')),
		atomicfile.Write(filepath.Join(dir, "report.html"), page))
}

// perplexity of a bucket.
func perplexity(b eval.Bucket) float64 { return math.Exp(b.NLL) }
