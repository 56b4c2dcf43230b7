package report

import (
	"bytes"
	"fmt"
	"html/template"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// The size of a picture.
const (
	pictureWidth  = 6.4 * vg.Inch
	pictureHeight = 3.4 * vg.Inch
)

// paint returns the colour of a system or a stage (Okabe and Ito's palette, told apart by the
// colour-blind too).
func paint(i int) color.Color {
	palette := [...]color.RGBA{
		{R: 0xd5, G: 0x5e, B: 0x00, A: 0xff}, {R: 0xcc, G: 0x79, B: 0xa7, A: 0xff},
		{R: 0x00, G: 0x72, B: 0xb2, A: 0xff}, {R: 0x00, G: 0x9e, B: 0x73, A: 0xff},
	}
	return palette[i%len(palette)]
}

// wider is room for a font that is wider than the one whose widths are known here.
const wider = "    "

// newPlot returns an empty plot in the report's style.
func newPlot(x, y string) *plot.Plot {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = x, y
	p.BackgroundColor = nil
	for _, f := range []*font.Font{
		&p.Title.TextStyle.Font, &p.X.Label.TextStyle.Font, &p.Y.Label.TextStyle.Font,
		&p.X.Tick.Label.Font, &p.Y.Tick.Label.Font, &p.Legend.TextStyle.Font,
	} {
		f.Variant, f.Size = "Sans", vg.Points(10)
	}
	p.Legend.Top = true
	p.Legend.Padding = vg.Points(3)
	p.Legend.ThumbnailWidth = vg.Points(16)
	grid := plotter.NewGrid()
	grid.Vertical.Color = nil
	grid.Horizontal.Color = color.Gray{Y: 0xdd}
	p.Add(grid)
	return p
}

// svg draws a plot as an SVG element to stand in an HTML page.
func svg(p *plot.Plot) (template.HTML, error) {
	c := vgsvg.New(pictureWidth, pictureHeight)
	drawOn(p, c)
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return "", fmt.Errorf("draw: %w", err)
	}
	i := bytes.Index(b.Bytes(), []byte("<svg"))
	// Arial is as wide as Liberation Sans, which browsers may not have.
	picture := bytes.ReplaceAll(b.Bytes()[max(i, 0):], []byte("font-family:Liberation Sans"),
		[]byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif"))
	return template.HTML(picture), nil // drawn here from numbers, constant words and escaped names
}

// drawOn leaves room for the half of the last tick's label that stands outside the axis.
func drawOn(p *plot.Plot, c vg.CanvasSizer) {
	p.Draw(draw.Crop(draw.New(c), 0, -vg.Points(18), vg.Points(2), -vg.Points(8)))
}

// lossPlot shows the training loss over tokens, the stages one after another: each step as a faint
// line, its running mean over it.
func (r *Report) lossPlot() (*plot.Plot, error) {
	p := newPlot("tokens trained on", "training loss (nats per token)")
	p.X.Tick.Marker = thousands{}
	var before float64
	for i, s := range r.Stages {
		raw, smooth := curves(s.Steps, before)
		before = raw[len(raw)-1].X
		faint, err := plotter.NewLine(raw)
		if err != nil {
			return nil, err
		}
		bold, err := plotter.NewLine(smooth)
		if err != nil {
			return nil, err
		}
		faint.Color, faint.Width = lighter(paint(finetuned+i)), vg.Points(0.8)
		bold.Color, bold.Width = paint(finetuned+i), vg.Points(2)
		p.Add(faint, bold)
		p.Legend.Add(s.Name+wider, bold)
	}
	return p, nil
}

// curves returns a stage's losses and their exponential running mean (weight 0.9 on the past,
// corrected for its beginning as Adam's moments are).
func curves(steps []Step, before float64) (raw, smooth plotter.XYs) {
	const keep = 0.9
	mean, weight := 0.0, 0.0
	for _, s := range steps {
		mean, weight = keep*mean+(1-keep)*s.Loss, keep*weight+1-keep
		x := before + float64(s.Tokens)
		raw = append(raw, plotter.XY{X: x, Y: s.Loss})
		smooth = append(smooth, plotter.XY{X: x, Y: mean / weight})
	}
	return raw, smooth
}

func lighter(c color.Color) color.Color {
	r, g, b, _ := c.RGBA()
	mix := func(v uint32) uint8 { return uint8((v>>8 + 2*0xff) / 3) }
	return color.RGBA{R: mix(r), G: mix(g), B: mix(b), A: 0xff}
}

// perplexityPlot shows each system's perplexity over the position in the document, on a logarithmic
// scale.
func (r *Report) perplexityPlot() (*plot.Plot, error) {
	p := newPlot("position in the document (tokens)", "perplexity")
	p.Y.Scale = plot.LogScale{}
	p.Y.Tick.Marker = octaves{}
	low, high := math.Inf(1), 0.0
	for i, y := range r.FarCopy.Systems {
		var points plotter.XYs
		for _, b := range y.All.Buckets {
			points = append(points, plotter.XY{X: float64(b.From), Y: perplexity(b)},
				plotter.XY{X: float64(b.To), Y: perplexity(b)})
			low, high = min(low, perplexity(b)), max(high, perplexity(b))
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return nil, err
		}
		line.Color, line.Width = paint(i), vg.Points(2)
		p.Add(line)
		p.Legend.Add(label(i)+wider, line)
	}
	p.Y.Min, p.Y.Max = low/1.1, high*math.Pow(high/low, 0.4) // room for the legend
	p.X.Min = 0
	p.X.Tick.Marker = edges(r.FarCopy.Systems[finetuned].All.Buckets)
	return p, nil
}

// farCopyPlot shows each system's loss on far identifiers with its interval.
func (r *Report) farCopyPlot() (*plot.Plot, error) {
	p := newPlot("", "loss on far identifiers (nats)")
	for i, y := range r.FarCopy.Systems {
		bar, err := plotter.NewBarChart(plotter.Values{y.NLL}, vg.Points(70))
		if err != nil {
			return nil, err
		}
		bar.XMin, bar.Color = float64(i), paint(i)
		bar.LineStyle.Width = 0
		bounds, err := plotter.NewYErrorBars(interval{float64(i), y.NLL, y.CI95})
		if err != nil {
			return nil, err
		}
		bounds.Width, bounds.CapWidth = vg.Points(1.2), vg.Points(12)
		value, err := plotter.NewLabels(plotter.XYLabels{
			XYs:    plotter.XYs{{X: float64(i), Y: y.NLL / 2}},
			Labels: []string{fmt.Sprintf("%.2f", y.NLL)},
		})
		if err != nil {
			return nil, err
		}
		style := &value.TextStyle[0]
		style.Font.Variant, style.Font.Size = "Sans", vg.Points(12)
		style.Color, style.XAlign = color.White, text.XCenter
		p.Add(bar, bounds, value)
	}
	p.NominalX(label(window), label(interpolated), label(finetuned))
	p.X.Tick.Label.Font.Variant = "Sans"
	p.X.Min, p.X.Max, p.Y.Min = -0.6, 2.6, 0
	return p, nil
}

func label(system int) string {
	return [systems]string{"base, sliding window", "base, interpolated", "fine-tuned"}[system]
}

// interval is one point with the ends of its interval.
type interval struct {
	x, y float64
	ends [2]float64
}

func (v interval) Len() int                      { return 1 }
func (v interval) XY(int) (float64, float64)     { return v.x, v.y }
func (v interval) YError(int) (float64, float64) { return v.y - v.ends[0], v.ends[1] - v.y }
