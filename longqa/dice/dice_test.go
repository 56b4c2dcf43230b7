package dice

import (
	"math"
	"testing"
)

// The stream is part of the datasets: it must never change. The first numbers of splitmix64 from
// state 0 are those of the reference implementation (https://prng.di.unimi.it/splitmix64.c).
func TestStream(t *testing.T) {
	d := &Dice{}
	for i, want := range []uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f} {
		if got := d.next(); got != want {
			t.Errorf("number %d is %#x, want %#x", i, got, want)
		}
	}
	if a, b := New("ab", "c").next(), New("a", "bc").next(); a == b {
		t.Error("names that concatenate alike have one stream")
	}
	if got, want := New("callers", "train-4k-8k-1").Int(1000), 535; got != want {
		t.Errorf("a named stream begins with %d, want %d", got, want)
	}
}

// Each of k choices is drawn n/k times, within five standard deviations of the binomial.
func TestEven(t *testing.T) {
	const n, k = 20000, 8
	d := New("even")
	ints, picks, weighted, firsts := [k]int{}, [k]int{}, [k]int{}, [k]int{}
	choices := []int{0, 1, 2, 3, 4, 5, 6, 7}
	for range n {
		ints[d.Int(k)]++
		picks[Pick(d, choices)]++
		weighted[d.Weighted([]float64{1, 1, 1, 1, 1, 1, 1, 1})]++
		firsts[Shuffled(d, choices)[0]]++
	}
	slack := 5 * math.Sqrt(n*(1./k)*(1-1./k))
	for _, counts := range [][k]int{ints, picks, weighted, firsts} {
		for i, c := range counts {
			if math.Abs(float64(c)-n/k) > slack {
				t.Errorf("choice %d came %d times of %d, want about %d", i, c, n, n/k)
			}
		}
	}
}

func TestWeighted(t *testing.T) {
	d := New("weighted")
	for range 1000 {
		if got := d.Weighted([]float64{0, 3, -1, 1, 0}); got != 1 && got != 3 {
			t.Fatalf("drew %d, which has no weight", got)
		}
	}
	if got := d.Weighted([]float64{0, -1}); got != -1 {
		t.Errorf("drew %d of no weights, want -1", got)
	}
}
