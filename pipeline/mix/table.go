package mix

import (
	"fmt"
	"strings"
)

// Row is a line of the realised table: the documents of a source within a bucket of lengths.
type Row struct {
	Source string `json:"source"`
	// From and To bound the documents' tokens, half-open; To 0: no bound.
	From int `json:"from"`
	To   int `json:"to"`
	// Documents and Tokens are those that there are, Factor what the recipe says of them.
	Documents int64   `json:"documents"`
	Tokens    int64   `json:"tokens"`
	Factor    float64 `json:"factor"`
	// Epochs is how often they are taken, Copies and Mixed the documents and tokens that this gives, and
	// Repeats how often the document that is taken most often is.
	Epochs  float64 `json:"epochs"`
	Copies  int64   `json:"copies"`
	Mixed   int64   `json:"mixed"`
	Repeats int     `json:"repeats"`
}

// Part is a source's share of the mixture.
type Part struct {
	Source string `json:"source"`
	// Target is what the recipe gives the source, in tokens, Mixed what it has.
	Target int64 `json:"target"`
	Mixed  int64 `json:"mixed"`
	// Share is its part of all tokens that are mixed.
	Share float64 `json:"share"`
}

// Realised is what a recipe came to.
type Realised struct {
	Tokens int64  `json:"tokens"`
	Parts  []Part `json:"parts"`
	Rows   []Row  `json:"rows"` // without empty buckets
}

func (s *selection) realised() Realised {
	r := Realised{Tokens: s.total()}
	for i, cells := range s.cells {
		p := Part{Source: s.recipe.Sources[i].Name, Target: cells[len(cells)-1].target}
		for _, c := range cells {
			p.Mixed += c.mixed
			if c.documents == 0 {
				continue
			}
			r.Rows = append(r.Rows, Row{
				Source: p.Source, From: c.from, To: c.to, Documents: c.documents, Tokens: c.tokens,
				Factor: c.factor, Epochs: sixDigits(float64(c.mixed) / float64(c.tokens)), Copies: c.copies,
				Mixed: c.mixed, Repeats: c.repeats,
			})
		}
		p.Share = sixDigits(float64(p.Mixed) / float64(r.Tokens))
		r.Parts = append(r.Parts, p)
	}
	return r
}

// sixDigits rounds, so that a manifest is the same on every processor.
func sixDigits(x float64) float64 { return float64(int64(x*1e6+0.5)) / 1e6 }

// Markdown is the realised table.
func (r Realised) Markdown() string {
	var b strings.Builder
	b.WriteString("| source | target | tokens | share |\n|---|---:|---:|---:|\n")
	for _, p := range r.Parts {
		fmt.Fprintf(&b, "| %s | %d | %d | %.4f |\n", p.Source, p.Target, p.Mixed, p.Share)
	}
	b.WriteString("\n| source | length | documents | tokens | factor | epochs | copies | tokens taken | " +
		"most repeats |\n|---|---|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, w := range r.Rows {
		to := fmt.Sprintf("below %d", w.To)
		if w.To == 0 {
			to = "and more"
		}
		fmt.Fprintf(&b, "| %s | %d %s | %d | %d | %g | %g | %d | %d | %d |\n", w.Source, w.From, to,
			w.Documents, w.Tokens, w.Factor, w.Epochs, w.Copies, w.Mixed, w.Repeats)
	}
	return b.String()
}
