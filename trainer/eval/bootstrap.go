package eval

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// cluster is the sum of a sequence's losses and their number.
type cluster struct{ sum, n float64 }

// resamples is the number of bootstrap samples behind an interval.
const resamples = 10_000

// Difference is how much lower a model's mean loss is than a baseline's on the same targets.
type Difference struct {
	Baseline string `json:"baseline"`
	// Mean is the baseline's mean loss less the model's: positive where the model is better.
	Mean float64 `json:"mean"`
	// CI95 is the 95 % interval of Mean by the percentile bootstrap over sequences (Efron and
	// Tibshirani 1993, section 13.3): sequences are drawn with replacement, each with all its
	// targets, and both systems are compared on the same draw.
	CI95 [2]float64 `json:"ci95"`
}

// Beats reports whether the model is better beyond the interval.
func (d Difference) Beats() bool { return d.CI95[0] > 0 }

// Compare returns the difference between two results over the same documents. It is a pure function
// of them and the seed.
func Compare(baseline, model FarCopyResult, seed uint64) (Difference, error) {
	n := len(model.perSequence)
	if n != len(baseline.perSequence) || baseline.targets != model.targets || n == 0 {
		return Difference{}, fmt.Errorf("compare %s with %s: %d targets in %d documents against %d in %d",
			model.System, baseline.System, model.targets, n, baseline.targets,
			len(baseline.perSequence))
	}
	gains := make([]cluster, n)
	for i, c := range model.perSequence {
		gains[i] = cluster{sum: baseline.perSequence[i].sum - c.sum, n: c.n}
	}
	d := Difference{Baseline: baseline.System, Mean: baseline.NLL - model.NLL}
	d.CI95 = bootstrap(gains, seed)
	return d, nil
}

// bootstrap returns the 2.5 and 97.5 percentiles of Σ sum / Σ n over resampled clusters.
func bootstrap(clusters []cluster, seed uint64) [2]float64 {
	r := rand.New(rand.NewPCG(seed, 0))
	means := make([]float64, 0, resamples)
	for range resamples {
		var total cluster
		for range clusters {
			c := clusters[r.IntN(len(clusters))]
			total.sum, total.n = total.sum+c.sum, total.n+c.n
		}
		if total.n > 0 {
			means = append(means, total.sum/total.n)
		}
	}
	slices.Sort(means)
	at := func(q float64) float64 { return means[int(q*float64(len(means)-1)+0.5)] }
	return [2]float64{at(0.025), at(0.975)}
}
