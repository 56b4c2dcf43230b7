package score

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
)

// Comparison is what a card says about a model that answered the same questions with the material
// and without. A builder that is given one sees to it that the questions are its own.
type Comparison struct {
	Model       string       `json:"model,omitempty"`
	Differences []Difference `json:"differences"`
	// IDs are the rows that were compared.
	IDs []string `json:"ids"`

	mu   sync.Mutex
	left map[string]bool
}

// NewComparison compares the rows that two reports have in common.
func NewComparison(open, closed *Report) *Comparison {
	before := map[string]bool{}
	for _, s := range closed.Rows {
		before[s.ID] = true
	}
	c := &Comparison{Model: open.Model, Differences: Compare(open, closed)}
	for _, s := range open.Rows {
		if before[s.ID] {
			c.IDs = append(c.IDs, s.ID)
		}
	}
	return c
}

// OpenComparison reads one from a file that longqa score wrote.
func OpenComparison(path string) (*Comparison, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := &Comparison{left: map[string]bool{}}
	if err := json.Unmarshal(data, c); err != nil {
		return nil, fmt.Errorf("%s is no comparison of longqa score --card: %w", path, err)
	}
	if len(c.IDs) == 0 || len(c.Differences) == 0 {
		return nil, fmt.Errorf("%s is no comparison of longqa score --card: it has no rows", path)
	}
	for _, id := range c.IDs {
		c.left[id] = true
	}
	return c, nil
}

// See takes note that a dataset has a row. It may be called concurrently.
func (c *Comparison) See(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.left, id)
}

// Check requires that all rows that were compared have been seen.
func (c *Comparison) Check() error {
	if len(c.left) == 0 {
		return nil
	}
	return fmt.Errorf("the closed-book comparison is about another dataset: %d of its %d rows are not in this",
		len(c.left), len(c.IDs))
}

// Report is for a manifest.
func (c *Comparison) Report() map[string]any {
	return map[string]any{"model": c.Model, "rows": len(c.IDs), "differences": c.Differences}
}

// Text is a card's paragraph.
func (c *Comparison) Text() string {
	var b strings.Builder
	model := c.Model
	if model == "" {
		model = "a model"
	}
	fmt.Fprintf(&b, "**From memory.** What `%s` scores on %d of the rows with the material (open book) and "+
		"without (closed book), in percent:\n\n%s\n", model, len(c.IDs), Table(c.Differences))
	return b.String()
}

// Table writes differences in percent.
func Table(all []Difference) string {
	var b strings.Builder
	b.WriteString("| metric | rows | open | closed book | better by (95 % interval) |\n" +
		"|---|---:|---:|---:|---|\n")
	for _, d := range all {
		fmt.Fprintf(&b, "| %s | %d | %.2f | %.2f | %.2f (%.2f to %.2f) |\n", d.Metric, d.N, 100*d.Open,
			100*d.Closed, 100*(d.Open-d.Closed), 100*d.Low, 100*d.High)
	}
	return b.String()
}

// errNoComparison is for rows that only one of two files answers.
var errNoComparison = errors.New("no row has a prediction with the material and one without")

// JSON is the file that OpenComparison reads.
func (c *Comparison) JSON() ([]byte, error) {
	if len(c.IDs) == 0 {
		return nil, errNoComparison
	}
	data, err := json.MarshalIndent(c, "", " ")
	return append(data, '\n'), err
}
