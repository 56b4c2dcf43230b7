package report

import (
	"bytes"
	_ "embed" // the page
	"fmt"
	"html/template"

	"gonum.org/v1/plot"
)

//go:embed page.html
var pageText string

// page is what the template shows.
type page struct {
	Report                                *Report
	Summary                               Summary
	Window, Length                        int
	LossPlot, PerplexityPlot, FarCopyPlot template.HTML
}

// html returns the report as one file that refers to no other.
func (r *Report) html() ([]byte, error) {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return nil, err
	}
	v := page{Report: r, Summary: r.Summary(), Window: r.FarCopy.Near, Length: r.length()}
	for _, picture := range []struct {
		draw func() (*plot.Plot, error)
		to   *template.HTML
	}{
		{r.lossPlot, &v.LossPlot}, {r.perplexityPlot, &v.PerplexityPlot},
		{r.farCopyPlot, &v.FarCopyPlot},
	} {
		p, err := picture.draw()
		if err != nil {
			return nil, fmt.Errorf("picture: %w", err)
		}
		if *picture.to, err = svg(p); err != nil {
			return nil, err
		}
	}
	var b bytes.Buffer
	err = t.Execute(&b, v)
	return b.Bytes(), err
}

// length returns the end of the last bucket.
func (r *Report) length() int {
	buckets := r.FarCopy.Systems[finetuned].All.Buckets
	return buckets[len(buckets)-1].To
}
