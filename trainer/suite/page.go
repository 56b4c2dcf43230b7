package suite

import (
	"bytes"
	_ "embed" // the page
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"longlora/trainer/retrieval"
)

//go:embed page.html
var pageText string

// heatmap is a task's scores by depth and length.
type heatmap struct {
	Task    string
	Lengths []int
	Rows    []heatRow
}

type heatRow struct {
	Depth float64
	Cells []retrieval.Mean
}

// Page returns the page, one file that refers to no other.
func (s *Suite) Page() ([]byte, error) {
	t, err := template.New("page").Funcs(template.FuncMap{
		"shade": shade, "percent": func(v float64) string { return fmt.Sprintf("%.0f", 100*v) },
		"exp": math.Exp, "f3": func(v float64) string { return fmt.Sprintf("%.3f", v) },
	}).Parse(pageText)
	if err != nil {
		return nil, err
	}
	v := struct {
		*Suite
		Heatmaps []heatmap
		Curves   template.HTML
		Losses   template.HTML
	}{Suite: s}
	if s.Retrieval != nil {
		v.Heatmaps = heatmaps(*s.Retrieval)
		v.Curves = scoreCurves(s.Retrieval.Rows)
	}
	v.Losses = s.lossCurves()
	var out bytes.Buffer
	err = t.Execute(&out, v)
	return out.Bytes(), err
}

// heatmaps sorts cells into tables.
func heatmaps(r retrieval.Result) []heatmap {
	var all []heatmap
	for _, c := range r.Cells {
		i := slices.IndexFunc(all, func(h heatmap) bool { return h.Task == c.Task })
		if i < 0 {
			all = append(all, heatmap{Task: c.Task})
			i = len(all) - 1
		}
		h := &all[i]
		if !slices.Contains(h.Lengths, c.Length) {
			h.Lengths = append(h.Lengths, c.Length)
		}
		row := slices.IndexFunc(h.Rows, func(r heatRow) bool { return r.Depth == c.Depth })
		if row < 0 {
			h.Rows = append(h.Rows, heatRow{Depth: c.Depth})
			row = len(h.Rows) - 1
		}
		h.Rows[row].Cells = append(h.Rows[row].Cells, c.Mean)
	}
	return all
}

// shade is a cell's background: from red by yellow to green, light enough for black text.
func shade(score float64) template.CSS {
	return template.CSS(fmt.Sprintf("hsl(%.0f 70%% 75%%)", 120*min(max(score, 0), 1)))
}

// line is a curve: points with their errors.
type line struct {
	name   string
	points []point
}

type point struct{ x, y, err float64 }

// palette is Okabe and Ito's, told apart by the colour-blind too.
var palette = [...]string{"#0072b2", "#d55e00", "#009e73", "#cc79a7"}

func scoreCurves(rows []retrieval.Row) template.HTML {
	var lines []line
	for _, r := range rows {
		i := slices.IndexFunc(lines, func(l line) bool { return l.name == r.Task })
		if i < 0 {
			lines = append(lines, line{name: r.Task})
			i = len(lines) - 1
		}
		lines[i].points = append(lines[i].points, point{float64(r.Length), 100 * r.Score, 100 * r.StdErr})
	}
	return draw(lines, 0, 100, "tokens", "score, %")
}

// lossCurves draws the loss by position and by context.
func (s *Suite) lossCurves() template.HTML {
	var lines []line
	low, high := math.Inf(1), math.Inf(-1)
	add := func(l *line, x, y float64) {
		l.points = append(l.points, point{x: x, y: y})
		low, high = min(low, y), max(high, y)
	}
	if s.Perplexity != nil {
		l := line{name: "by position, at the end of the bucket"}
		for _, b := range s.Perplexity.Buckets {
			add(&l, float64(b.To), b.NLL)
		}
		lines = append(lines, l)
	}
	if len(s.ByContext) > 0 {
		l := line{name: "all tokens, read in pieces of so many"}
		for _, c := range s.ByContext {
			add(&l, float64(c.Context), c.NLL)
		}
		lines = append(lines, l)
	}
	if len(lines) == 0 {
		return ""
	}
	room := max((high-low)/10, 0.05)
	return draw(lines, low-room, high+room, "tokens", "loss, nats a token")
}

// The size of a picture and its margins.
const (
	width, height          = 640.0, 300.0
	left, right, top, foot = 56.0, 16.0, 12.0, 64.0
)

// draw draws curves over a logarithmic axis of lengths.
func draw(lines []line, low, high float64, x, y string) template.HTML {
	first, last := math.Inf(1), 0.0
	var ticks []float64
	for _, l := range lines {
		for _, p := range l.points {
			first, last = min(first, p.x), max(last, p.x)
			if !slices.Contains(ticks, p.x) {
				ticks = append(ticks, p.x)
			}
		}
	}
	across := func(v float64) float64 {
		if first == last {
			return (left + width - right) / 2
		}
		return left + (width-left-right)*math.Log(v/first)/math.Log(last/first)
	}
	up := func(v float64) float64 { return height - foot - (height-top-foot)*(v-low)/(high-low) }
	var out strings.Builder
	fmt.Fprintf(&out, `<svg viewBox="0 0 %g %g" role="img" aria-label="%s by %s">`, width, height, y, x)
	for i := range 5 {
		v := low + (high-low)*float64(i)/4
		fmt.Fprintf(&out, `<path d="M%g %.1fH%g" stroke="#ddd"/>`, left, up(v), width-right)
		label(&out, left-6, up(v)+4, "end", fmt.Sprintf("%.3g", v))
	}
	for _, v := range ticks {
		label(&out, across(v), height-foot+18, "middle", fmt.Sprint(v))
	}
	label(&out, width-right, height-foot+36, "end", x)
	fmt.Fprintf(&out, `<text x="14" y="%g" transform="rotate(-90 14 %[1]g)" text-anchor="end">`, top)
	fmt.Fprintf(&out, `%s</text>`, template.HTMLEscapeString(y))
	for i, l := range lines {
		drawLine(&out, l, palette[i%len(palette)], across, up)
		fmt.Fprintf(&out, `<text x="%g" y="%g" fill="%s">%s</text>`, left+float64(i)*140, height-8,
			palette[i%len(palette)], template.HTMLEscapeString(l.name))
	}
	out.WriteString("</svg>")
	return template.HTML(out.String())
}

// label writes a text whose anchor, its begin, middle or end, is at a point.
func label(out *strings.Builder, x, y float64, anchor, text string) {
	fmt.Fprintf(out, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, x, y, anchor,
		template.HTMLEscapeString(text))
}

func drawLine(out *strings.Builder, l line, colour string, across, up func(float64) float64) {
	var path strings.Builder
	for i, p := range l.points {
		command := "L"
		if i == 0 {
			command = "M"
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", command, across(p.x), up(p.y))
		fmt.Fprintf(out, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`, across(p.x), up(p.y), colour)
		if p.err > 0 {
			fmt.Fprintf(out, `<path d="M%.1f %.1fV%.1f" stroke="%s"/>`, across(p.x), up(p.y-p.err),
				up(p.y+p.err), colour)
		}
	}
	fmt.Fprintf(out, `<path d="%s" fill="none" stroke="%s" stroke-width="1.5"/>`, path.String(), colour)
}
