package main

import (
	"slices"
	"testing"
)

// TestText: the passage ends every text, and stands at its depth; the rest is the same for all depths.
func TestText(t *testing.T) {
	tokens := make([]int32, 1000)
	for i := range tokens {
		tokens[i] = int32(i)
	}
	g := grid{samples: 4, passage: 10}
	absent := g.text(tokens, 100, 2, -1)
	passage := absent[90:]
	if len(absent) != 100 || absent[0] != 500 || passage[0] != 600 || absent[89] != 589 {
		t.Fatalf("text %v", absent)
	}
	for _, c := range []struct {
		depth float64
		at    int
	}{{0, 0}, {0.5, 40}, {1, 80}} {
		got, want := g.text(tokens, 100, 2, c.depth), slices.Clone(absent)
		copy(want[c.at:], passage)
		if !slices.Equal(got, want) {
			t.Errorf("depth %g: %v, want %v", c.depth, got, want)
		}
	}
	if tokens[540] != 540 {
		t.Error("the stream was changed")
	}
}
