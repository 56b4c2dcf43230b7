package build

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"

	"longlora/longqa/material"
	"longlora/schemas"
)

// Figures describe a dataset's rows.
type Figures struct {
	Rows, Documents    int
	MaxRowsPerDocument int
	Tasks, Genres      map[string]int
	Bands              []BandFigures
	Outside            int // rows in no band
	Far                int // rows with evidence far apart
	Unanswerable       int
	QuestionFirst      int
	MultiDocument      int
	Depth              [depthBins]float64 // answerable rows, by where their evidence is
	DepthChi2          float64
	Tokens, Bytes      int64

	recipe Recipe
	perDoc map[string]int
	views  map[string]map[string]bool // contexts by band
}

// BandFigures are those of the rows whose contexts have a length.
type BandFigures struct {
	Band           material.Band
	Rows, Contexts int
	Tokens, Bytes  int64
	Tasks          map[string]int
}

// seen is what the figures need of a row.
type seen struct {
	docs         []string
	task, genre  string
	view         string
	tokens       int
	bytes        int
	first        bool
	unanswerable bool
	depths       []float64 // middles of the evidence
	gap          float64   // the widest between two spans
}

func newSeen(row *schemas.Example, view string) *seen {
	s := &seen{
		docs: row.DocIDs, task: row.Task, genre: row.Genre, view: view, tokens: int(row.NTokens),
		bytes: len(row.Context), first: row.QuestionFirst, unanswerable: row.Task == "unanswerable",
	}
	chars := float64(len([]rune(row.Context)))
	for _, e := range row.Evidence {
		s.depths = append(s.depths, float64(e.Start+e.End)/2/chars)
	}
	if n := len(row.Evidence); n > 1 {
		firstEnd := row.Evidence[0].End
		for _, e := range row.Evidence {
			firstEnd = min(firstEnd, e.End)
		}
		s.gap = float64(row.Evidence[n-1].Start-firstEnd) / chars
	}
	return s
}

func newFigures(r Recipe) *Figures {
	f := &Figures{
		recipe: r, Tasks: map[string]int{}, Genres: map[string]int{}, perDoc: map[string]int{},
		views: map[string]map[string]bool{},
	}
	for _, q := range r.Quota {
		f.Bands = append(f.Bands, BandFigures{Band: q.Band, Tasks: map[string]int{}})
	}
	return f
}

func (f *Figures) add(s *seen) {
	f.Rows++
	f.Tasks[s.task]++
	f.Genres[s.genre]++
	f.Tokens, f.Bytes = f.Tokens+int64(s.tokens), f.Bytes+int64(s.bytes)
	for _, d := range s.docs {
		f.perDoc[d]++
	}
	if len(s.docs) > 1 {
		f.MultiDocument++
	}
	if s.first {
		f.QuestionFirst++
	}
	if s.unanswerable {
		f.Unanswerable++
	}
	if s.gap >= f.recipe.Limits.FarApart {
		f.Far++
	}
	for _, d := range s.depths {
		f.Depth[bin(d)] += 1 / float64(len(s.depths))
	}
	f.addBand(s)
}

func (f *Figures) addBand(s *seen) {
	for i := range f.Bands {
		b := &f.Bands[i]
		if s.tokens < b.Band.From || s.tokens >= b.Band.To {
			continue
		}
		b.Rows++
		b.Tasks[s.task]++
		b.Tokens, b.Bytes = b.Tokens+int64(s.tokens), b.Bytes+int64(s.bytes)
		name := b.Band.String()
		if f.views[name] == nil {
			f.views[name] = map[string]bool{}
		}
		f.views[name][s.view] = true
		b.Contexts = len(f.views[name])
		return
	}
	f.Outside++
}

func (f *Figures) finish() {
	f.Documents = len(f.perDoc)
	for _, n := range f.perDoc {
		f.MaxRowsPerDocument = max(f.MaxRowsPerDocument, n)
	}
	mean := 0.0
	for _, n := range f.Depth {
		mean += n / depthBins
	}
	for _, n := range f.Depth {
		if mean > 0 {
			f.DepthChi2 += (n - mean) * (n - mean) / mean
		}
	}
}

// Check reports every limit that the figures miss.
func (f *Figures) Check(l Limits) error {
	var errs []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	rows := float64(f.Rows)
	need(f.Rows >= l.MinRows, "%d rows, want at least %d", f.Rows, l.MinRows)
	need(f.Documents >= l.MinDocuments, "%d documents, want at least %d", f.Documents, l.MinDocuments)
	need(f.MaxRowsPerDocument <= l.MaxRowsPerDocument, "%d rows about one document, want at most %d",
		f.MaxRowsPerDocument, l.MaxRowsPerDocument)
	for _, t := range sortedKeys(f.Tasks) {
		share := float64(f.Tasks[t]) / rows
		need(share <= l.MaxTaskShare, "task %s has %.3f of the rows, want at most %g", t, share,
			l.MaxTaskShare)
	}
	for _, b := range f.Bands {
		need(b.Rows >= l.MinBandRows, "%d rows of %s tokens, want at least %d", b.Rows, b.Band,
			l.MinBandRows)
		need(b.Contexts >= l.MinBandContexts, "%d contexts of %s tokens, want at least %d", b.Contexts,
			b.Band, l.MinBandContexts)
	}
	need(float64(f.Far) >= l.MinFarShare*rows, "%.3f of the rows have evidence far apart, want %g",
		float64(f.Far)/rows, l.MinFarShare)
	need(float64(f.Unanswerable) >= l.MinUnanswerable*rows, "%.3f of the rows are unanswerable, want %g",
		float64(f.Unanswerable)/rows, l.MinUnanswerable)
	need(2*f.QuestionFirst >= f.Rows-len(f.Tasks) && 2*f.QuestionFirst <= f.Rows+len(f.Tasks),
		"the question is first in %d of %d rows, want half", f.QuestionFirst, f.Rows)
	need(f.DepthChi2 <= l.MaxDepthChi2, "evidence depth has chi-square %.2f over ten bins, want at "+
		"most %g", f.DepthChi2, l.MaxDepthChi2)
	return errors.Join(errs...)
}

// hold compares the figures with the recipe and puts them into the report.
func (b *builder) hold(context.Context) error {
	b.out.Report("figures", b.figures.report())
	if b.Limit > 0 {
		return nil
	}
	return b.figures.Check(b.Recipe.Limits)
}

func (f *Figures) report() map[string]any {
	bands := map[string]any{}
	for _, b := range f.Bands {
		bands[b.Band.String()] = map[string]any{
			"rows": b.Rows, "contexts": b.Contexts, "tokens": b.Tokens, "bytes": b.Bytes,
		}
	}
	return map[string]any{
		"rows": f.Rows, "documents": f.Documents, "max_rows_per_document": f.MaxRowsPerDocument,
		"tasks": f.Tasks, "genres": f.Genres, "bands": bands, "far_apart": f.Far,
		"unanswerable": f.Unanswerable, "question_first": f.QuestionFirst,
		"multi_document": f.MultiDocument, "depth": f.Depth, "depth_chi2": f.DepthChi2,
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// Table prints the figures.
func (f *Figures) Table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d rows over %d documents (at most %d rows about one); %d rows over several "+
		"documents\n", f.Rows, f.Documents, f.MaxRowsPerDocument, f.MultiDocument)
	fmt.Fprintf(&b, "evidence far apart %.1f%%, unanswerable %.1f%%, question first %.1f%%\n",
		percent(f.Far, f.Rows), percent(f.Unanswerable, f.Rows), percent(f.QuestionFirst, f.Rows))
	fmt.Fprintf(&b, "evidence depth by tenths of the context: %s; chi-square %.2f (uniform: below "+
		"16.92 in 95%% of cases)\n", depths(f.Depth), f.DepthChi2)
	b.WriteString("\n| tokens | rows | contexts | mean tokens | mean bytes |\n|---|---:|---:|---:|---:|\n")
	for _, band := range f.Bands {
		n := int64(max(band.Rows, 1))
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d |\n", band.Band, band.Rows, band.Contexts,
			band.Tokens/n, band.Bytes/n)
	}
	b.WriteString("\n| task |")
	for _, band := range f.Bands {
		fmt.Fprintf(&b, " %s |", band.Band)
	}
	b.WriteString(" all | share |\n|---|" + strings.Repeat("---:|", len(f.Bands)+2) + "\n")
	for _, t := range sortedKeys(f.Tasks) {
		fmt.Fprintf(&b, "| %s |", t)
		for _, band := range f.Bands {
			fmt.Fprintf(&b, " %d |", band.Tasks[t])
		}
		fmt.Fprintf(&b, " %d | %.1f%% |\n", f.Tasks[t], percent(f.Tasks[t], f.Rows))
	}
	return b.String()
}

func percent(n, of int) float64 { return 100 * float64(n) / float64(max(of, 1)) }

func depths(d [depthBins]float64) string {
	parts := make([]string, depthBins)
	for i, n := range d {
		parts[i] = fmt.Sprintf("%.0f", n)
	}
	return strings.Join(parts, " ")
}
