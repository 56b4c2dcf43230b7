package model

import (
	"math"
	"testing"

	"longlora/kernels/pattern"
)

// TestChoose compares the choices with all that there are, for a model of two layers and one of
// three: what can fit fits, and costs little more than the best that does.
func TestChoose(t *testing.T) {
	for _, layers := range []int{2, 3} {
		c := small
		c.Layers, c.Hidden, c.HeadDim, c.FFN = layers, 64, 16, 160
		o := loraPlus(c)
		like := Blank(400, c.Heads)
		like.Segments = pattern.S2(pattern.Layout{DocLens: []int32{400}, Heads: c.Heads, Group: 100})
		all := everyChoice(t, c, o, like)
		least, most := int64(math.MaxInt64), int64(0)
		for _, x := range all {
			least, most = min(least, x.Bytes), max(most, x.Bytes)
		}
		for _, budget := range []int64{
			math.MaxInt64, most, most - 1, (most + least) / 2, least + (most-least)/4, least, least - 1, 0,
		} {
			got, err := Choose(c, o, like, budget, 0)
			if err != nil {
				t.Fatal(err)
			}
			best := math.Inf(1)
			for _, x := range all {
				if x.Bytes <= max(budget, least) {
					best = min(best, x.FLOPs)
				}
			}
			t.Logf("%d layers, %d bytes of %d: %v, %.3f of the fewest operations", layers, got.Bytes,
				budget, got.Again, got.FLOPs/best)
			// Within an order of parts there is no better choice than a prefix of it; another order, or
			// other layers, may save one part of one layer.
			if (budget >= least && got.Bytes > budget) || got.FLOPs > 1.01*best {
				t.Errorf("%d layers, budget %d: %+v; %d bytes are possible, %g operations", layers,
					budget, got, least, best)
			}
		}
	}
}

// everyChoice counts all choices for all layers.
func everyChoice(t *testing.T, c Config, o Options, like *Batch) (all []Choice) {
	t.Helper()
	k, err := newCounter(c, o, like, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer k.close() //nolint:errcheck // it holds nothing
	for n := range 1 << (3 * c.Layers) {
		again := make([]Again, c.Layers)
		for l := range again {
			bits := n >> (3 * l)
			again[l] = Again{Attention: bits&1 != 0, MLP: bits&2 != 0, Rows: bits&4 != 0}
		}
		x, err := k.count(again)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, x)
	}
	return all
}
