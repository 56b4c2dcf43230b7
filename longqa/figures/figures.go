// Package figures counts what a dataset of examples is like, and holds the counts against limits.
package figures

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"

	"longlora/longqa/material"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// Limits are the figures that a dataset must keep. A limit of zero holds nothing.
type Limits struct {
	MinRows            int     `yaml:"min_rows"`
	MinDocuments       int     `yaml:"min_documents"`
	MaxRowsPerDocument int     `yaml:"max_rows_per_document"`
	MaxTaskShare       float64 `yaml:"max_task_share"`
	// MinBandRows and MinBandContexts hold for every band.
	MinBandRows     int `yaml:"min_band_rows"`
	MinBandContexts int `yaml:"min_band_contexts"`
	// MinFarShare is the part of rows with two pieces of evidence at least FarApart of the context
	// from each other.
	MinFarShare     float64 `yaml:"min_far_share"`
	FarApart        float64 `yaml:"far_apart"`
	MinUnanswerable float64 `yaml:"min_unanswerable"`
	// MaxDepthChi2 bounds the chi-square statistic of evidence depth over ten equal bins; 16.92 is
	// its 95th percentile for nine degrees of freedom, if depth is uniform.
	MaxDepthChi2 float64 `yaml:"max_depth_chi2"`
}

// DepthBins is the number of equal parts of a context that evidence is counted in.
const DepthBins = 10

// Bin is the part of a context that a position, in [0, 1], lies in.
func Bin(position float64) int { return min(int(position*DepthBins), DepthBins-1) }

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
	Depth              [DepthBins]float64 // answerable rows, by where their evidence is
	DepthChi2          float64
	Tokens, Bytes      int64

	farApart float64
	perDoc   map[string]int
	contexts map[material.Band]map[[8]byte]bool // by band
}

// BandFigures are those of the rows whose contexts have a length.
type BandFigures struct {
	Band           material.Band
	Rows, Contexts int
	Tokens, Bytes  int64
	Tasks          map[string]int
}

// Seen is what the figures need of a row.
type Seen struct {
	docs         []string
	task, genre  string
	context      [8]byte // part of a hash
	tokens       int
	bytes        int
	first        bool
	unanswerable bool
	depths       []float64 // middles of the evidence
	gap          float64   // the widest between two spans
}

// See takes what is needed of a row, whose context has a number of code points.
func See(row *schemas.Example, chars int64) *Seen {
	sum := sha256.Sum256([]byte(row.Context))
	s := &Seen{
		docs: row.DocIDs, task: row.Task, genre: row.Genre, tokens: int(row.NTokens),
		bytes: len(row.Context), first: row.QuestionFirst,
		unanswerable: row.Meta["unanswerable"] != "",
	}
	copy(s.context[:], sum[:])
	for _, e := range row.Evidence {
		s.depths = append(s.depths, float64(e.Start+e.End)/2/float64(chars))
	}
	if n := len(row.Evidence); n > 1 {
		firstEnd := row.Evidence[0].End
		for _, e := range row.Evidence {
			firstEnd = min(firstEnd, e.End)
		}
		s.gap = float64(row.Evidence[n-1].Start-firstEnd) / float64(chars)
	}
	return s
}

// New returns figures without a row. Evidence counts as far apart from that part of a context on.
func New(bands []material.Band, farApart float64) *Figures {
	f := &Figures{
		farApart: farApart, Tasks: map[string]int{}, Genres: map[string]int{}, perDoc: map[string]int{},
		contexts: map[material.Band]map[[8]byte]bool{},
	}
	for _, b := range bands {
		f.Bands = append(f.Bands, BandFigures{Band: b, Tasks: map[string]int{}})
	}
	return f
}

// Of counts the rows of a dataset.
func Of(ctx context.Context, d *shard.Dataset, bands []material.Band,
	farApart float64) (*Figures, error) {
	f := New(bands, farApart)
	for row, err := range shard.Rows[schemas.Example](d, "") {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("count figures: %w", err)
		}
		f.Add(See(&row, int64(utf8.RuneCountInString(row.Context))))
	}
	f.Finish()
	return f, nil
}

// Add counts a row.
func (f *Figures) Add(s *Seen) {
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
	if s.gap >= f.farApart {
		f.Far++
	}
	for _, d := range s.depths {
		f.Depth[Bin(d)] += 1 / float64(len(s.depths))
	}
	f.addBand(s)
}

func (f *Figures) addBand(s *Seen) {
	for i := range f.Bands {
		b := &f.Bands[i]
		if s.tokens < b.Band.From || s.tokens >= b.Band.To {
			continue
		}
		b.Rows++
		b.Tasks[s.task]++
		b.Tokens, b.Bytes = b.Tokens+int64(s.tokens), b.Bytes+int64(s.bytes)
		if f.contexts[b.Band] == nil {
			f.contexts[b.Band] = map[[8]byte]bool{}
		}
		f.contexts[b.Band][s.context] = true
		b.Contexts = len(f.contexts[b.Band])
		return
	}
	f.Outside++
}

// Finish computes what depends on all rows.
func (f *Figures) Finish() {
	f.Documents = len(f.perDoc)
	for _, n := range f.perDoc {
		f.MaxRowsPerDocument = max(f.MaxRowsPerDocument, n)
	}
	mean := 0.0
	for _, n := range f.Depth {
		mean += n / DepthBins
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
	need(l.MaxRowsPerDocument == 0 || f.MaxRowsPerDocument <= l.MaxRowsPerDocument,
		"%d rows about one document, want at most %d",
		f.MaxRowsPerDocument, l.MaxRowsPerDocument)
	for _, t := range sortedKeys(f.Tasks) {
		share := float64(f.Tasks[t]) / rows
		need(l.MaxTaskShare == 0 || share <= l.MaxTaskShare,
			"task %s has %.3f of the rows, want at most %g", t, share,
			l.MaxTaskShare)
	}
	for _, b := range f.Bands {
		need(b.Rows >= l.MinBandRows, "%d rows of %s tokens, want at least %d", b.Rows, b.Band,
			l.MinBandRows)
		need(b.Contexts >= l.MinBandContexts, "%d contexts of %s tokens, want at least %d", b.Contexts,
			b.Band, l.MinBandContexts)
	}
	need(f.Outside == 0, "%d rows are in no band of lengths, want none", f.Outside)
	need(float64(f.Far) >= l.MinFarShare*rows, "%.3f of the rows have evidence far apart, want %g",
		float64(f.Far)/rows, l.MinFarShare)
	need(float64(f.Unanswerable) >= l.MinUnanswerable*rows,
		"%.3f of the rows are unanswerable, want %g", float64(f.Unanswerable)/rows, l.MinUnanswerable)
	need(2*f.QuestionFirst >= f.Rows-len(f.Tasks) && 2*f.QuestionFirst <= f.Rows+len(f.Tasks),
		"the question is first in %d of %d rows, want half", f.QuestionFirst, f.Rows)
	need(l.MaxDepthChi2 == 0 || f.DepthChi2 <= l.MaxDepthChi2,
		"evidence depth has chi-square %.2f over ten bins, want at "+
			"most %g", f.DepthChi2, l.MaxDepthChi2)
	return errors.Join(errs...)
}

// Report is the figures as a manifest holds them.
func (f *Figures) Report() map[string]any {
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
	b.WriteString("\n| tokens | rows | contexts | mean tokens | mean bytes |\n" +
		"|---|---:|---:|---:|---:|\n")
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

func depths(d [DepthBins]float64) string {
	parts := make([]string, DepthBins)
	for i, n := range d {
		parts[i] = fmt.Sprintf("%.0f", n)
	}
	return strings.Join(parts, " ")
}
