package model

import (
	"slices"
	"strings"
	"testing"

	"longlora/kernels"
	"longlora/kernels/pattern"
	"longlora/trainer/model/modeltest"
)

// layered returns one document of distinct tokens whose layers attend by patterns with groups of 4.
func layered(c Config, n int, names ...string) *Batch {
	b := &Batch{}
	for t := range n {
		b.IDs, b.Positions = append(b.IDs, int32(t)), append(b.Positions, int32(t))
		b.Targets, b.Weights = append(b.Targets, -1), append(b.Weights, 1)
	}
	for _, name := range names {
		of, err := pattern.Lookup(name)
		if err != nil {
			panic(err)
		}
		b.Layers = append(b.Layers, of(pattern.Layout{
			DocLens: []int32{int32(n)}, Heads: c.Heads, Group: 4,
		}))
	}
	return b
}

// reach are the tokens that see token 0, or a token of its group, by two layers' patterns: groups of
// local begin at 0, 4, 8; those of shifted at 0, 2, 6, 10. Their order tells the layers apart.
var reach = []struct {
	layers []string
	// last is the last token that token 0 reaches, first the first one that reaches token 11.
	last, first int
}{
	{[]string{"local", "local"}, 3, 8},
	{[]string{"shifted", "shifted"}, 1, 10},
	{[]string{"local", "shifted"}, 5, 8}, // 0..3, of which 2 and 3 are seen in [2, 6)
	{[]string{"shifted", "local"}, 3, 6}, // 11 sees [8, 12), whose 8 sees from 6 on
	{[]string{"full", "local"}, 11, 0},   // every token sees all before it in the first layer
	{[]string{"local", "full"}, 11, 0},   // and here in the second
}

// TestLayersReach changes the first token and looks how far that goes, and takes the gradient of the
// last token's loss and looks how far that comes from.
func TestLayersReach(t *testing.T) {
	eachBackend(t, func(t *testing.T, b kernels.Backend) {
		o := loraPlus(small)
		m := newModel(t, b, small, o)
		for _, c := range reach {
			batch := layered(small, 12, c.layers...)
			before := modeltest.Logits(t, m, batch)
			batch.IDs[0] = 30
			after := modeltest.Logits(t, m, batch)
			for token := range 12 {
				at := token * small.Vocab
				changed := !slices.Equal(before[at:at+small.Vocab], after[at:at+small.Vocab])
				if want := token <= c.last; changed != want {
					t.Errorf("%v: token 0 changes token %d: %v, want %v", c.layers, token, changed, want)
				}
			}
			batch.IDs[0], batch.Targets[11] = 0, 5
			gradient(t, m, 1, batch)
			table := grads(m)[EmbedName]
			for token := range 12 {
				row := table[token*small.Hidden : (token+1)*small.Hidden]
				derived := slices.ContainsFunc(row, func(v float32) bool { return v != 0 })
				if want := token >= c.first; derived != want {
					t.Errorf("%v: the last loss has a gradient by token %d: %v, want %v",
						c.layers, token, derived, want)
				}
			}
		}
	})
}

// TestLayersAlike: layers that all have one pattern give the bits of that pattern for all.
func TestLayersAlike(t *testing.T) {
	m := newModel(t, open(t, "cpu", 2), small, everything(small))
	b := packed(small, 3, pattern.S2, 6, 20, 9)
	gradient(t, m, 1, b)
	want := grads(m)
	b.Layers, b.Segments = []kernels.Segments{b.Segments, b.Segments}, kernels.Segments{}
	gradient(t, m, 1, b)
	for name, got := range grads(m) {
		if !slices.Equal(got, want[name]) {
			t.Errorf("%s differs", name)
		}
	}
}

func TestLayersAreChecked(t *testing.T) {
	m := newModel(t, open(t, "cpu", 1), small, loraPlus(small))
	b := layered(small, 12, "full")
	if err := m.Check(b); err == nil || !strings.Contains(err.Error(), "1 layers, the model has 2") {
		t.Errorf("too few layers: %v", err)
	}
	b = layered(small, 12, "full", "s2")
	b.Layers[1].Groups[1].Bounds = b.Layers[1].Groups[1].Bounds[:2]
	if err := m.Check(b); err == nil || !strings.Contains(err.Error(), "do not end at token 12") {
		t.Errorf("bounds that end early: %v", err)
	}
}
