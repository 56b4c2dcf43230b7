package generate

import (
	"math"
	"testing"
)

// TestPenalties compares with the definitions: tokens of prompt and answer are repelled once each,
// those of the answer lose presence once and frequency as often as they came, biases come on top.
func TestPenalties(t *testing.T) {
	s, err := NewSampler(Sampling{Temperature: 1, Repetition: 2, Presence: 0.5, Frequency: 0.25,
		Bias: map[int32]float64{5: 4, 99: 1}}, []int32{0, 4, 4})
	if err != nil {
		t.Fatal(err)
	}
	s.answer[1], s.answer[4] = 2, 1
	want := []float64{1.0 / 2, 3.0/2 - 0.5 - 2*0.25, 2, 3, -1*2 - 0.5 - 0.25, 0 + 4}
	sum := 0.0
	for _, v := range want {
		sum += math.Exp(v)
	}
	for i, c := range s.Distribution(logits) {
		if p := math.Exp(want[i]) / sum; int(c.ID) != i || math.Abs(c.P-p) > 1e-6 { // logits are float32
			t.Errorf("token %d has %g, want %g", c.ID, c.P, p)
		}
	}
	if logits[1] != 3 {
		t.Error("the caller's logits were changed")
	}
}

// TestGreedyWithAPenalty goes on to the next best token once the best has come.
func TestGreedyWithAPenalty(t *testing.T) {
	s, err := NewSampler(Sampling{Presence: 2.5}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int32{1, 3, 2, 0} {
		if got := s.Pick(logits); got != want {
			t.Errorf("pick %d is %d, want %d", i, got, want)
		}
	}
}

func TestRank(t *testing.T) {
	sum := 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v))
	}
	chosen, top := Rank(logits, 5, 3)
	if want := -math.Log(sum); math.Abs(chosen-want) > 1e-12 {
		t.Errorf("token 5 has %g, want %g", chosen, want)
	}
	for i, id := range []int32{1, 3, 2} {
		want := float64(logits[id]) - math.Log(sum)
		if len(top) != 3 || top[i].ID != id || math.Abs(top[i].Logprob-want) > 1e-12 {
			t.Errorf("place %d: %+v, want %d with %g", i, top, id, want)
		}
	}
	if _, none := Rank(logits, 0, 0); none != nil {
		t.Errorf("none were asked for: %v", none)
	}
	if _, all := Rank(logits, 0, 99); len(all) != len(logits) {
		t.Errorf("%d of all %d", len(all), len(logits))
	}
}
