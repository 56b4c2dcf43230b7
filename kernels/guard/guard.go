// Package guard gives tests memory that faults when a kernel reads or writes past either end.
package guard

import (
	"math"
	"testing"
)

// Place says which end of the memory lies at a page that faults. The other end has less than a page
// of canaries between, which are checked when the test ends.
type Place uint8

// The places.
const (
	End Place = iota
	Start
)

// canary fills the rest of a page.
const canary = float32(12345.678)

// Floats returns n floats, all NaN, until the end of the test.
func Floats(t testing.TB, n int, p Place) []float32 {
	t.Helper()
	pages, size := pages(t, n)
	for i := range pages {
		pages[i] = canary
	}
	from := 0
	if p == End {
		from = size - n
	}
	x := pages[from : from+n : from+n]
	for i := range x {
		x[i] = float32(math.NaN())
	}
	t.Cleanup(func() {
		for i, v := range pages {
			if (i < from || i >= from+n) && v != canary {
				t.Errorf("element %d of %d is written: %g", i-from, n, v)
				return
			}
		}
	})
	return x
}
