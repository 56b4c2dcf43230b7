package main

import (
	"math"
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

func TestRow(t *testing.T) {
	row := []float32{100, 101, 99}
	if best(row) != 1 {
		t.Errorf("best of %v is %d", row, best(row))
	}
	// log(e^0 + e^-1 + e^-2) + 101; a few roundings of a number near 100.
	if got, want := logSum(row), 101+math.Log(1+math.Exp(-1)+math.Exp(-2)); math.Abs(got-want) > 1e-13 {
		t.Errorf("log of the sum of %v is %g, want %g", row, got, want)
	}
}
