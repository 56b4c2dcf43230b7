package build

import (
	"longlora/longqa/figures"
	"longlora/longqa/material"
)

// Recipe is what a dataset is to be like.
type Recipe struct {
	Name  string
	Quota []Quota
	// PerView is the number of questions about one context.
	PerView int
	// Shares are the parts that tasks are to have; they need not sum to 1. A task without a share
	// is not used.
	Shares map[string]float64
	Limits figures.Limits
}

// Quota is the number of contexts within a band.
type Quota struct {
	Band  material.Band
	Views int
}

// Default is the recipe of the dataset that needs no download.
func Default() Recipe {
	band := func(from, to, views int) Quota {
		return Quota{material.Band{From: from, To: to}, views}
	}
	return Recipe{
		Name: "longqa-goroot",
		Quota: []Quota{
			band(4000, 8000, 180), band(8000, 16000, 170), band(16000, 32000, 160),
			band(32000, 64000, 140), band(64000, 128000, 110),
		},
		PerView: 5,
		Shares: map[string]float64{
			"summary": 0.17, "callers": 0.13, "chain": 0.07, "implementers": 0.04, "methods": 0.08,
			"declaration": 0.06, "constant": 0.05, "errors": 0.08, "comparison": 0.12,
			"ordering": 0.09, "unanswerable": 0.10, "section": 0.02,
		},
		Limits: figures.Limits{
			MinRows: 3001, MinDocuments: 400, MaxRowsPerDocument: 25, MaxTaskShare: 0.25,
			MinBandRows: 300, MinBandContexts: 60, MinFarShare: 0.30, FarApart: 0.25,
			MinUnanswerable: 0.08, MaxDepthChi2: 16.92,
		},
	}
}

// scaled is the recipe with about a number of rows.
func (r Recipe) scaled(rows int) Recipe {
	total := 0
	for _, q := range r.Quota {
		total += q.Views * r.PerView
	}
	quota := make([]Quota, len(r.Quota))
	for i, q := range r.Quota {
		q.Views = max(1, q.Views*rows/total)
		quota[i] = q
	}
	r.Quota = quota
	return r
}

// Bands are the lengths of the recipe's contexts.
func (r Recipe) Bands() []material.Band {
	var all []material.Band
	for _, q := range r.Quota {
		all = append(all, q.Band)
	}
	return all
}
