package order

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func all(o *Order, rows int64) []int64 {
	out := make([]int64, rows)
	for i := range out {
		out[i] = o.At(int64(i))
	}
	return out
}

func TestOrderIsAPermutation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.Int64Range(1, 5000).Draw(t, "rows")
		seed := rapid.Uint64().Draw(t, "seed")
		got := all(New("digest", seed, 3, rows, true), rows)
		slices.Sort(got)
		for i, row := range got {
			if row != int64(i) {
				t.Fatalf("row %d is missing or doubled", i)
			}
		}
	})
}

func TestOrderDependsOnEverything(t *testing.T) {
	const rows = 3000
	base := all(New("a", 1, 0, rows, true), rows)
	for name, o := range map[string]*Order{
		"digest": New("b", 1, 0, rows, true), "seed": New("a", 2, 0, rows, true),
		"epoch": New("a", 1, 1, rows, true), "shuffle": New("a", 1, 0, rows, false),
	} {
		if slices.Equal(base, all(o, rows)) {
			t.Errorf("another %s gives the same order", name)
		}
	}
	if !slices.Equal(base, all(New("a", 1, 0, rows, true), rows)) {
		t.Error("the same arguments give another order")
	}
}

// TestOrderIsFixed pins the function: datasets in use must keep their order.
func TestOrderIsFixed(t *testing.T) {
	got := fmt.Sprint(all(New("digest", 42, 7, 10, true), 10))
	const want = "[8 4 6 2 0 9 5 7 3 1]"
	if got != want {
		t.Errorf("order changed: got %s, want %s", got, want)
	}
}

// TestReadsStayNear bounds how many blocks a window's worth of rows touches.
func TestReadsStayNear(t *testing.T) {
	const rows = 64 * windowRows
	o := New("digest", 1, 0, rows, true)
	blocks := map[int64]bool{}
	for i := range int64(windowRows) {
		blocks[o.At(i)/BlockRows] = true
	}
	if len(blocks) != WindowBlocks {
		t.Errorf("one window touches %d blocks, want %d", len(blocks), WindowBlocks)
	}
}
