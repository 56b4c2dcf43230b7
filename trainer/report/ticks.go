package report

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"

	"longlora/trainer/eval"
)

// octaves marks the powers of two, or every half of one where there are few.
type octaves struct{}

// Ticks implements plot.Ticker.
func (octaves) Ticks(low, high float64) []plot.Tick {
	step := 1.0
	if math.Log2(high/low) < 3 {
		step = 0.5
	}
	var ticks []plot.Tick
	for e := math.Ceil(math.Log2(low) / step); e*step <= math.Log2(high); e++ {
		v := math.Exp2(e * step)
		ticks = append(ticks, plot.Tick{Value: v, Label: fmt.Sprintf("%.4g", v)})
	}
	return ticks
}

// edges marks the ends of buckets.
type edges []eval.Bucket

// Ticks implements plot.Ticker.
func (e edges) Ticks(float64, float64) []plot.Tick {
	ticks := []plot.Tick{{Value: 0, Label: "0"}}
	for _, b := range e {
		ticks = append(ticks, plot.Tick{Value: float64(b.To), Label: fmt.Sprint(b.To)})
	}
	return ticks
}

// thousands marks numbers of tokens.
type thousands struct{}

// Ticks implements plot.Ticker.
func (thousands) Ticks(low, high float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(low, high)
	for i, t := range ticks {
		if t.Label != "" {
			ticks[i].Label = fmt.Sprintf("%gk", t.Value/1000)
		}
	}
	return ticks
}
