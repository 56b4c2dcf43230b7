package eval

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Cluster is what is drawn as a whole: one document's targets.
type Cluster struct {
	ID      string  `json:"id"`
	Targets int     `json:"targets"`
	Loss    float64 `json:"loss"` // of all targets together, in nats
}

// resamples is the number of bootstrap samples behind an interval.
const resamples = 10_000

// Difference is how much lower a model's mean loss is than a baseline's on the same targets.
type Difference struct {
	Baseline string `json:"baseline"`
	// Mean is the baseline's mean loss less the model's: positive where the model is better.
	Mean float64 `json:"mean"`
	// CI95 is the 95 % interval of Mean by the percentile bootstrap over documents (Efron and
	// Tibshirani 1993, section 13.3): documents are drawn with replacement, each with all its
	// targets, and both systems are compared on the same draw.
	CI95 [2]float64 `json:"ci95"`
}

// Beats reports whether the model is better beyond the interval.
func (d Difference) Beats() bool { return d.CI95[0] > 0 }

// Compare returns the difference between two results over the same documents. It is a pure function
// of them and the seed.
func Compare(baseline, model FarCopyResult, seed uint64) (Difference, error) {
	same := func(x, y Cluster) bool { return x.ID == y.ID && x.Targets == y.Targets }
	if !slices.EqualFunc(model.Documents, baseline.Documents, same) || model.targets == 0 {
		return Difference{}, fmt.Errorf("compare %s with %s: %d targets in %d documents against %d in %d, "+
			"or others", model.System, baseline.System, model.targets, len(model.Documents),
			baseline.targets, len(baseline.Documents))
	}
	gains := slices.Clone(model.Documents)
	for i := range gains {
		gains[i].Loss = baseline.Documents[i].Loss - gains[i].Loss
	}
	d := Difference{Baseline: baseline.System, Mean: baseline.NLL - model.NLL}
	d.CI95 = bootstrap(gains, seed)
	return d, nil
}

// bootstrap returns the 2.5 and 97.5 percentiles of Σ Loss / Σ Targets over resampled clusters.
func bootstrap(clusters []Cluster, seed uint64) [2]float64 {
	r := rand.New(rand.NewPCG(seed, 0))
	means := make([]float64, 0, resamples)
	for range resamples {
		loss, targets := 0.0, 0
		for range clusters {
			c := clusters[r.IntN(len(clusters))]
			loss, targets = loss+c.Loss, targets+c.Targets
		}
		if targets > 0 {
			means = append(means, loss/float64(targets))
		}
	}
	slices.Sort(means)
	at := func(q float64) float64 { return means[int(q*float64(len(means)-1)+0.5)] }
	return [2]float64{at(0.025), at(0.975)}
}
