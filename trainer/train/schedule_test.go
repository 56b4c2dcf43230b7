package train

import (
	"math"
	"testing"
)

func TestSchedules(t *testing.T) {
	for _, c := range []struct {
		kind string
		step int
		want float64
	}{
		{"constant", 1, 0.1}, {"constant", 9, 0.9}, {"constant", 10, 1}, {"constant", 110, 1},
		{"linear", 5, 0.5}, {"linear", 10, 1}, {"linear", 60, 0.6}, {"linear", 110, 0.2},
		{"cosine", 5, 0.5}, {"cosine", 10, 1}, {"cosine", 60, 0.6}, {"cosine", 110, 0.2},
		{"wsd", 5, 0.5}, {"wsd", 10, 1}, {"wsd", 70, 1}, {"wsd", 90, 0.6}, {"wsd", 110, 0.2},
		{"cosine", 35, 0.2 + 0.8*(1+math.Sqrt2/2)/2}, // a quarter of the way: cos 45°
	} {
		s := Schedule{Kind: c.kind, Peak: 1, Min: 0.2, Warmup: 10, Steps: 110}
		if c.kind == "wsd" {
			s.Decay = 40
		}
		// Sums and products of a few numbers of size 1: a few rounding errors of 2^-53.
		if got := s.At(c.step); math.Abs(got-c.want) > 1e-15 {
			t.Errorf("%s at %d: %g, want %g", c.kind, c.step, got, c.want)
		}
	}
	if got := (Schedule{Kind: "cosine", Peak: 1, Steps: 1}).At(1); got != 0 {
		t.Errorf("one cosine step: %g, want its end, 0", got)
	}
	tenth := Schedule{Kind: "wsd", Peak: 1, Steps: 40}
	if got := [3]float64{tenth.At(36), tenth.At(38), tenth.At(40)}; got != [3]float64{1, 0.5, 0} {
		t.Errorf("wsd by default: %v at the last tenth, want 1, 0.5 and 0", got)
	}
	if got := (Schedule{Kind: "constant", Peak: 1, Steps: 1}).At(1); got != 1 {
		t.Errorf("no warm-up: %g, want 1", got)
	}
}
