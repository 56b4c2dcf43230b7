package eval

import (
	"context"
	"fmt"
)

// FarCopyReport compares a model with its baselines.
type FarCopyReport struct {
	Near        int             `json:"near"`
	Far         int             `json:"far"`
	Sequences   int             `json:"sequences"`
	Targets     int             `json:"targets"`
	Tokens      int             `json:"target_tokens"`
	Systems     []FarCopyResult `json:"systems"`
	Differences []Difference    `json:"differences"`
	// Passed says that the model beats every baseline beyond its interval.
	Passed bool `json:"passed"`
}

// Report compares the results of baselines and, last, of a model over the same documents.
func (f *FarCopy) Report(results ...FarCopyResult) (FarCopyReport, error) {
	last := len(results) - 1
	m := results[last]
	r := FarCopyReport{
		Near: f.Near, Far: f.Far, Sequences: len(m.perSequence), Targets: m.targets, Tokens: m.tokens,
		Systems: results, Passed: last > 0,
	}
	for _, b := range results[:last] {
		d, err := Compare(b, m, f.Seed)
		if err != nil {
			return r, fmt.Errorf("far-copy: %w", err)
		}
		r.Differences = append(r.Differences, d)
		r.Passed = r.Passed && d.Beats()
	}
	return r, nil
}

// FarCopyResult is what one system makes of all documents.
type FarCopyResult struct {
	System string `json:"system"`
	// NLL is the mean loss of a target, in nats.
	NLL float64 `json:"nll"`
	// CI95 is the 95 % interval of NLL; see Difference.
	CI95 [2]float64 `json:"ci95"`
	// All is the perplexity over all tokens of the same documents.
	All Perplexity `json:"all_tokens"`

	targets, tokens int
	perSequence     []cluster
}

// Measure runs a system over the documents.
func (f *FarCopy) Measure(ctx context.Context, y System, docs []Piece, progress Progress) (
	FarCopyResult, error) {
	r := FarCopyResult{System: y.Name}
	longest := 0
	for _, d := range docs {
		longest = max(longest, len(d.IDs))
	}
	all := newTally(longest)
	for _, d := range docs {
		targets, err := f.Targets(d)
		if err != nil {
			return r, err
		}
		losses, err := y.losses(ctx, d.IDs, progress)
		if err != nil {
			return r, fmt.Errorf("far-copy: %s: document %s: %w", y.Name, d.ID, err)
		}
		for i := 1; i < len(losses); i++ {
			all.add(i, float64(losses[i]))
		}
		r.add(targets, losses)
	}
	if r.targets == 0 {
		return r, fmt.Errorf("far-copy: %d documents: %w: no identifier was last seen %d to %d tokens "+
			"back", len(docs), ErrNoTargets, f.Near, f.Far)
	}
	r.NLL /= float64(r.targets)
	r.CI95 = bootstrap(r.perSequence, f.Seed)
	r.All = all.perplexity(PerTokenName)
	return r, nil
}

// add counts one document's targets.
func (r *FarCopyResult) add(targets []Target, losses []float32) {
	c := cluster{n: float64(len(targets))}
	for _, t := range targets {
		for _, loss := range losses[t.From:t.To] {
			c.sum += float64(loss)
		}
		r.tokens += t.To - t.From
	}
	r.perSequence = append(r.perSequence, c)
	r.NLL += c.sum
	r.targets += len(targets)
}
