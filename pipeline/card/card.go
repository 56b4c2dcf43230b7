// Package card draws the pictures of dataset cards: how long the texts are, and what the mixture holds.
// A picture is SVG, and its bytes are a pure function of the manifest.
package card

import (
	"bytes"
	"fmt"
	"image/color"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"longlora/schemas"
	"longlora/schemas/shard"
)

// Draw draws a manifest's pictures.
func Draw(m *schemas.Manifest) ([]shard.Picture, error) {
	var all []shard.Picture
	for _, d := range []struct {
		name, title string
		draw        func(*schemas.Manifest) (*plot.Plot, vg.Length, error)
	}{
		{"lengths.svg", "Lengths", lengthPlot}, {"mixture.svg", "Mixture by source", mixturePlot},
	} {
		p, height, err := d.draw(m)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.name, err)
		}
		if p == nil {
			continue
		}
		data, err := svg(p, height)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.name, err)
		}
		all = append(all, shard.Picture{Name: d.name, Title: d.title, Data: data})
	}
	return all, nil
}

const pictureWidth = 7 * vg.Inch

// blue and orange are of Okabe and Ito's palette, told apart by the colour-blind too.
func blue() color.Color   { return color.RGBA{R: 0x00, G: 0x72, B: 0xb2, A: 0xff} }
func orange() color.Color { return color.RGBA{R: 0xd5, G: 0x5e, B: 0x00, A: 0xff} }

func newPlot(x, y string) *plot.Plot {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = x, y
	for _, f := range []*font.Font{
		&p.X.Label.TextStyle.Font, &p.Y.Label.TextStyle.Font, &p.X.Tick.Label.Font, &p.Y.Tick.Label.Font,
		&p.Legend.TextStyle.Font,
	} {
		f.Variant, f.Size = "Sans", vg.Points(10)
	}
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.Padding, p.Legend.XOffs = vg.Points(3), vg.Points(6)
	p.BackgroundColor = color.White
	return p
}

// percents are ticks without digits that say nothing.
type percents struct{}

// Ticks implements plot.Ticker.
func (percents) Ticks(low, high float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(low, high)
	for i, t := range ticks {
		if t.Label != "" {
			ticks[i].Label = strconv.FormatFloat(t.Value, 'g', 4, 64)
		}
	}
	return ticks
}

// svg draws a plot, with room for the half of the last label that stands outside its axis.
func svg(p *plot.Plot, height vg.Length) ([]byte, error) {
	c := vgsvg.New(pictureWidth, height)
	p.Draw(draw.Crop(draw.New(c), vg.Points(8), -vg.Points(16), vg.Points(2), -vg.Points(8)))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return nil, err
	}
	// Arial is as wide as Liberation Sans, which browsers may not have.
	return bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans"),
		[]byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif")), nil
}

// lengthPlot shows for each power of two the share of the texts and of all that they hold.
func lengthPlot(m *schemas.Manifest) (*plot.Plot, vg.Length, error) {
	if len(m.Lengths) == 0 {
		return nil, 0, nil
	}
	texts, unit := "packed documents", "tokens"
	switch m.Kind {
	case schemas.KindDocument:
		texts, unit = "documents", "characters"
	case schemas.KindExample:
		texts = "examples"
	}
	lengths := m.Lengths
	for len(lengths) > 1 && lengths[0].Count == 0 {
		lengths = lengths[1:]
	}
	var count, total float64
	for _, l := range lengths {
		count, total = count+float64(l.Count), total+float64(l.Total)
	}
	var counts, totals plotter.Values
	var labels []string
	for _, l := range lengths {
		counts = append(counts, 100*float64(l.Count)/max(count, 1))
		totals = append(totals, 100*float64(l.Total)/max(total, 1))
		labels = append(labels, short(l.From))
	}
	p := newPlot(unit+" from", "share in %")
	width := min(vg.Points(18), 6*vg.Inch/vg.Length(3*len(lengths)))
	for i, series := range []struct {
		values plotter.Values
		name   string
		paint  color.Color
	}{{counts, "of the " + texts, blue()}, {totals, "of the " + unit, orange()}} {
		bars, err := plotter.NewBarChart(series.values, width)
		if err != nil {
			return nil, 0, err
		}
		bars.Color, bars.LineStyle.Width = series.paint, 0
		bars.Offset = width * (vg.Length(i) - 0.5)
		p.Add(bars)
		p.Legend.Add(series.name, bars)
	}
	p.NominalX(labels...)
	p.Y.Tick.Marker = percents{}
	p.Y.Min = 0
	p.Y.Max *= 1.25 // below the legend
	return p, 3 * vg.Inch, nil
}

// short writes a power of two with its binary unit: 512, 4Ki, 1Mi.
func short(n int64) string {
	for _, u := range []struct {
		size int64
		name string
	}{{1 << 40, "Ti"}, {1 << 30, "Gi"}, {1 << 20, "Mi"}, {1 << 10, "Ki"}} {
		if n >= u.size {
			return fmt.Sprintf("%d%s", n/u.size, u.name)
		}
	}
	return fmt.Sprint(n)
}
