package eval

import (
	"context"
	"fmt"
	"slices"
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
		Near: f.Near, Far: f.Far, Sequences: m.sequences, Targets: m.targets, Tokens: m.tokens,
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
	// Documents has what NLL is the mean of. Parts of one document count together.
	Documents []Cluster `json:"documents"`

	targets, tokens, sequences int
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
		r.add(d.ID, targets, losses)
	}
	if r.targets == 0 {
		return r, fmt.Errorf("far-copy: %d documents: %w: no identifier was last seen %d to %d tokens "+
			"back", len(docs), ErrNoTargets, f.Near, f.Far)
	}
	r.NLL /= float64(r.targets)
	r.CI95 = bootstrap(r.Documents, f.Seed)
	r.All = all.perplexity(PerTokenName)
	return r, nil
}

// add counts the targets of a document, or of a part of one.
func (r *FarCopyResult) add(id string, targets []Target, losses []float32) {
	i := slices.IndexFunc(r.Documents, func(c Cluster) bool { return c.ID == id })
	if i < 0 {
		i = len(r.Documents)
		r.Documents = append(r.Documents, Cluster{ID: id})
	}
	sum := 0.0
	for _, t := range targets {
		for _, loss := range losses[t.From:t.To] {
			sum += float64(loss)
		}
		r.tokens += t.To - t.From
	}
	r.Documents[i].Loss += sum
	r.Documents[i].Targets += len(targets)
	r.NLL += sum
	r.targets += len(targets)
	r.sequences++
}
