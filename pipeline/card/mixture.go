package card

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"longlora/schemas"
)

// mostSources is the number of sources that have a bar of their own, mostName of the characters of a
// name.
const (
	mostSources = 15
	mostName    = 32
)

// part is a source's share, of tokens or, where none were counted, of rows.
type part struct {
	name string
	size float64
}

// mixturePlot shows the largest sources, and all others together.
func mixturePlot(m *schemas.Manifest) (*plot.Plot, vg.Length, error) {
	parts, unit := partsOf(m)
	if len(parts) == 0 {
		return nil, 0, nil
	}
	var total float64
	for _, s := range parts {
		total += s.size
	}
	values := make(plotter.Values, len(parts))
	names := make([]string, len(parts))
	for i, s := range parts {
		up := len(parts) - 1 - i // the first on top
		values[up], names[up] = 100*s.size/max(total, 1), s.name
	}
	bars, err := plotter.NewBarChart(values, vg.Points(11))
	if err != nil {
		return nil, 0, err
	}
	bars.Horizontal, bars.Color, bars.LineStyle.Width = true, blue(), 0
	p := newPlot("share of the "+unit+" in %", "")
	p.Add(bars)
	p.NominalY(names...)
	p.X.Tick.Marker = percents{}
	p.X.Min = 0
	return p, vg.Points(50) + vg.Length(len(parts))*vg.Points(18), nil
}

// partsOf sums a mixture up by source, the largest first.
func partsOf(m *schemas.Manifest) (parts []part, unit string) {
	var tokens int64
	for _, p := range m.Mixture {
		tokens += p.Tokens
	}
	if unit = "tokens"; tokens == 0 {
		unit = "rows"
	}
	sizes := map[string]float64{}
	for _, p := range m.Mixture {
		if tokens == 0 {
			p.Tokens = p.Rows
		}
		sizes[p.Source] += float64(p.Tokens)
	}
	for name, size := range sizes {
		parts = append(parts, part{name, size})
	}
	slices.SortFunc(parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(b.size, a.size), cmp.Compare(a.name, b.name))
	})
	if len(parts) > mostSources {
		others := part{name: "others"}
		for _, p := range parts[mostSources-1:] {
			others.size += p.size
		}
		parts = append(parts[:mostSources-1], others)
	}
	for i := range parts {
		parts[i].name = label(parts[i].name)
	}
	return parts, unit
}

// label is a name that fits beside its bar and into XML.
func label(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == utf8.RuneError {
			return ' '
		}
		return r
	}, name)
	runes := []rune(name)
	if len(runes) > mostName {
		return string(runes[:mostName-1]) + "…"
	}
	return string(runes)
}
