package train

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"longlora/internal/atomicfile"
)

// Metrics are a step's results.
type Metrics struct {
	Step int `json:"step"`
	// Loss is the mean over the step's targets, weighted.
	Loss float64 `json:"loss"`
	// GradNorm is the L2 norm of the whole gradient before clipping.
	GradNorm float64 `json:"grad_norm"`
	LR       float64 `json:"lr"`
	Epoch    int64   `json:"epoch"`
	// Tokens counts all tokens read since the run's first step, Targets those that this step's loss
	// is over.
	Tokens  int64 `json:"tokens"`
	Targets int64 `json:"targets"`
	// TokensPerSecond is that of this step, Seconds its time.
	TokensPerSecond float64 `json:"tokens_per_second"`
	Seconds         float64 `json:"seconds"`
	// Attention is the pattern of this step, where it changes in the run.
	Attention string `json:"attention,omitempty"`
	// Left estimates the time to the last step, in seconds.
	Left float64 `json:"eta_seconds"`
	// Validation is the validation loss after this step, if it was taken.
	Validation *float64 `json:"validation_loss,omitempty"`
}

// Line returns the metrics as a line for people; steps is the run's number of steps.
func (m Metrics) Line(steps int) string {
	s := fmt.Sprintf("step %d/%d  loss %.4f  grad norm %.3f  lr %.3g  %.0f tokens/s  %s left",
		m.Step, steps, m.Loss, m.GradNorm, m.LR, m.TokensPerSecond,
		time.Duration(m.Left*float64(time.Second)).Round(time.Second))
	if m.Validation != nil {
		s += fmt.Sprintf("  validation loss %.4f", *m.Validation)
	}
	return s
}

// Log appends metrics to a file, one JSON object a line.
type Log struct{ file *os.File }

// OpenLog opens the log of a run that continues after a step: lines of later steps are removed.
func OpenLog(path string, after int) (*Log, error) {
	kept, err := keptLines(path, after)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	if err := atomicfile.Write(path, kept); err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	return &Log{f}, nil
}

// keptLines returns the whole lines of steps up to after.
func keptLines(path string, after int) ([]byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var kept bytes.Buffer
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		var m Metrics
		if json.Unmarshal(s.Bytes(), &m) == nil && m.Step <= after {
			kept.Write(s.Bytes())
			kept.WriteByte('\n')
		}
	}
	return kept.Bytes(), nil
}

// Write appends one line.
func (l *Log) Write(m Metrics) error {
	line, err := json.Marshal(m)
	if err == nil {
		_, err = l.file.Write(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

// Close closes the file.
func (l *Log) Close() error { return l.file.Close() }
