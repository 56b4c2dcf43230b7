package retrieval

import (
	"context"
	"errors"
	"fmt"
	"math"

	"longlora/internal/tokenizer"
)

// Grid is what to measure.
type Grid struct {
	Tasks   []Task
	Lengths []int
	// Depths is the number of depths, spread evenly from the begin to the end of the filler.
	Depths int
	// Seeds is the number of samples of a cell.
	Seeds int
	// Seed is the first of them.
	Seed uint64
}

// Validate reports every value that cannot be used.
func (g Grid) Validate() error {
	var all []error
	if len(g.Tasks) == 0 || len(g.Lengths) == 0 {
		all = append(all, errors.New("retrieval: no task or no length"))
	}
	for _, n := range g.Lengths {
		if n < 1 {
			all = append(all, fmt.Errorf("retrieval: a length of %d tokens", n))
		}
	}
	if g.Depths < 1 || g.Seeds < 1 {
		all = append(all, fmt.Errorf("retrieval: %d depths and %d seeds, want at least 1", g.Depths, g.Seeds))
	}
	return errors.Join(all...)
}

// Samples is the number of samples of the grid.
func (g Grid) Samples() int { return len(g.Tasks) * len(g.Lengths) * g.Depths * g.Seeds }

func (g Grid) depth(i int) float64 {
	if g.Depths == 1 {
		return 0.5
	}
	return float64(i) / float64(g.Depths-1)
}

// Mean is a mean score with its standard error: the sample's standard deviation over the root of
// their number, 0 for one sample.
type Mean struct {
	Samples int     `json:"samples"`
	Score   float64 `json:"score"`
	StdErr  float64 `json:"std_err"`
}

// Cell is the result of one task at one length and depth.
type Cell struct {
	Task   string  `json:"task"`
	Length int     `json:"length"`
	Depth  float64 `json:"depth"`
	Mean
}

// Row is the result of one task at one length, over all depths.
type Row struct {
	Task   string `json:"task"`
	Length int    `json:"length"`
	Mean
}

// Result is that of a grid.
type Result struct {
	Cells []Cell `json:"cells"`
	Rows  []Row  `json:"rows"`
}

// Generate continues a prompt greedily by up to n tokens.
type Generate func(ctx context.Context, prompt []int32, n int) ([]int32, error)

// Run measures a grid. each, if not nil, is given every sample when it has been scored.
func (g Grid) Run(ctx context.Context, tok *tokenizer.Tokenizer, generate Generate,
	each func(Sample) error) (Result, error) {
	if err := g.Validate(); err != nil {
		return Result{}, err
	}
	var all []Sample
	for _, t := range g.Tasks {
		for _, length := range g.Lengths {
			for i := range g.Depths {
				for s := range g.Seeds {
					sample, err := t.Make(tok, length, g.depth(i), g.Seed+uint64(s))
					if err == nil {
						err = sample.answer(ctx, tok, generate)
					}
					if err == nil && each != nil {
						err = each(sample)
					}
					if err != nil {
						return Result{}, fmt.Errorf("retrieval: %w", err)
					}
					sample.Prompt, sample.ids = "", nil
					all = append(all, sample)
				}
			}
		}
	}
	return Summarize(all), nil
}

func (s *Sample) answer(ctx context.Context, tok *tokenizer.Tokenizer, generate Generate) error {
	out, err := generate(ctx, s.ids, s.MaxNew)
	if err != nil {
		return err
	}
	if s.Output, err = tok.Decode(out, true); err != nil {
		return err
	}
	s.Score = Score(s.Output, s.Answers)
	return nil
}

// Summarize returns the means of samples, in the order in which cells and rows first come.
func Summarize(all []Sample) Result {
	var r Result
	cells, rows := map[Cell][]float64{}, map[Row][]float64{}
	for _, s := range all {
		c := Cell{Task: s.Task, Length: s.Length, Depth: s.Depth}
		row := Row{Task: s.Task, Length: s.Length}
		if cells[c] == nil {
			r.Cells = append(r.Cells, c)
		}
		if rows[row] == nil {
			r.Rows = append(r.Rows, row)
		}
		cells[c], rows[row] = append(cells[c], s.Score), append(rows[row], s.Score)
	}
	for i, c := range r.Cells {
		r.Cells[i].Mean = mean(cells[c])
	}
	for i, row := range r.Rows {
		r.Rows[i].Mean = mean(rows[row])
	}
	return r
}

func mean(scores []float64) Mean {
	m := Mean{Samples: len(scores)}
	for _, s := range scores {
		m.Score += s / float64(len(scores))
	}
	if len(scores) < 2 {
		return m
	}
	sum := 0.0
	for _, s := range scores {
		sum += (s - m.Score) * (s - m.Score)
	}
	n := float64(len(scores))
	m.StdErr = math.Sqrt(sum / (n - 1) / n)
	return m
}
