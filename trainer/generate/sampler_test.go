package generate

import (
	"math"
	"strings"
	"testing"
)

var logits = []float32{1, 3, 2, 3, -1, 0}

func TestGreedyIsTheFirstLargest(t *testing.T) {
	s, err := NewSampler(Sampling{TopK: 1, TopP: 0.1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Pick(logits); got != 1 {
		t.Errorf("got %d, want 1", got)
	}
}

// TestDistribution compares with the definitions, computed directly.
func TestDistribution(t *testing.T) {
	for _, c := range []struct {
		what string
		s    Sampling
		ids  []int32
	}{
		{"all", Sampling{Temperature: 1}, []int32{0, 1, 2, 3, 4, 5}},
		{"hot", Sampling{Temperature: 2}, []int32{0, 1, 2, 3, 4, 5}},
		{"top-k", Sampling{Temperature: 1, TopK: 3}, []int32{1, 3, 2}},
		{"top-k beyond the vocabulary", Sampling{Temperature: 1, TopK: 99}, []int32{1, 3, 2, 0, 5, 4}},
		// The probabilities are 0.388, 0.388, 0.143, 0.052, 0.019, 0.007.
		{"top-p of one", Sampling{Temperature: 1, TopP: 0.3}, []int32{1}},
		{"top-p of two", Sampling{Temperature: 1, TopP: 0.7}, []int32{1, 3}},
		{"top-p of three", Sampling{Temperature: 1, TopP: 0.78}, []int32{1, 3, 2}},
		{"top-p of all", Sampling{Temperature: 1, TopP: 1}, []int32{0, 1, 2, 3, 4, 5}},
		{"top-p after top-k", Sampling{Temperature: 1, TopK: 2, TopP: 0.6}, []int32{1, 3}},
		{"min-p", Sampling{Temperature: 1, MinP: 0.1}, []int32{0, 1, 2, 3}},
		{"min-p, hot", Sampling{Temperature: 2, MinP: 0.2}, []int32{0, 1, 2, 3, 5}},
		{"min-p after top-k", Sampling{Temperature: 1, MinP: 0.1, TopK: 3}, []int32{1, 3, 2}},
		{"min-p of one", Sampling{Temperature: 1, MinP: 1}, []int32{1, 3}},
	} {
		s, err := NewSampler(c.s, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := s.distribution(logits)
		var sum float64
		for _, id := range c.ids {
			sum += math.Exp(float64(logits[id]) / c.s.Temperature)
		}
		if len(got) != len(c.ids) {
			t.Errorf("%s: kept %v, want %v", c.what, got, c.ids)
			continue
		}
		for i, id := range c.ids {
			want := math.Exp(float64(logits[id])/c.s.Temperature) / sum
			if got[i].ID != id || math.Abs(got[i].P-want) > 1e-12 { // a few roundings near 1
				t.Errorf("%s: place %d: got %+v, want id %d with %v", c.what, i, got[i], id, want)
			}
		}
	}
}

// TestPickFollowsTheDistribution allows five standard deviations of a binomial count.
func TestPickFollowsTheDistribution(t *testing.T) {
	s, err := NewSampler(Sampling{Temperature: 1, TopK: 4, Seed: 5}, nil)
	if err != nil {
		t.Fatal(err)
	}
	const draws = 20_000
	counts := map[int32]int{}
	for range draws {
		counts[s.Pick(logits)]++
	}
	for _, c := range s.distribution(logits) {
		mean, deviation := draws*c.P, math.Sqrt(draws*c.P*(1-c.P))
		if math.Abs(float64(counts[c.ID])-mean) > 5*deviation {
			t.Errorf("token %d drawn %d times, want %.0f ± %.0f", c.ID, counts[c.ID], mean, deviation)
		}
	}
	if counts[4]+counts[5] > 0 {
		t.Errorf("tokens outside the top 4 were drawn: %v", counts)
	}
}

func TestSeedDeterminesTheDraws(t *testing.T) {
	run := func(seed uint64) (ids [64]int32) {
		s, err := NewSampler(Sampling{Temperature: 1.5, Seed: seed}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range ids {
			ids[i] = s.Pick(logits)
		}
		return ids
	}
	if first, again := run(1), run(1); first != again {
		t.Error("one seed gives two series")
	}
	if run(1) == run(2) {
		t.Error("two seeds give one series")
	}
}

func TestSamplingReportsEveryProblem(t *testing.T) {
	_, err := NewSampler(Sampling{Temperature: math.NaN(), TopK: -1, TopP: 1.5, MinP: -1, Repetition: -2,
		Presence: math.Inf(1), Frequency: math.NaN(), Bias: map[int32]float64{-4: 1, 5: math.NaN()}}, nil)
	for _, want := range []string{"temperature is NaN", "top-k is -1", "top-p is 1.5", "min-p is -1",
		"repetition penalty is -2", "presence penalty is +Inf", "frequency penalty is NaN",
		"a bias of token -4", "the bias of token 5 is NaN"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}
