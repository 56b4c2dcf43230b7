package score

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"longlora/longqa/jieba"
)

// Every metric gives what the published scorers give (scripts/oracle/score.py). Both compute in
// float64, in the same order but for sums of a few terms, so they agree to some ulps.
func TestGolden(t *testing.T) {
	data, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Prediction, Answer string
		Scores             map[string]float64
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	words, err := jieba.Open("../jieba/testdata/small")
	if err != nil {
		t.Fatal(err)
	}
	s := &Scorer{Words: words}
	positive := map[string]int{}
	for _, c := range cases {
		for name, want := range c.Scores {
			m, err := Find(name)
			if err != nil {
				t.Fatal(err)
			}
			got := s.Score(m, c.Prediction, []string{c.Answer}, nil)
			if math.Abs(got-want) > 1e-14 {
				t.Errorf("%s of %q against %q: got %v, want %v", name, c.Prediction, c.Answer, got, want)
			}
			if want > 0 {
				positive[name]++
			}
		}
	}
	for _, name := range []string{"f1", "rouge-l", "longbench-rouge", "longbench-f1-zh", "exact",
		"longbench-rouge-zh", "longbench-retrieval", "longbench-retrieval-zh", "longbench-code"} {
		if positive[name] < 3 {
			t.Errorf("only %d golden scores of %s are above 0", positive[name], name)
		}
	}
}

func TestOwnMetrics(t *testing.T) {
	for _, c := range []struct {
		metric, prediction, answer string
		classes                    []string
		want                       float64
	}{
		{"passkey", "The key is 71432.", "71432", nil, 1}, {"passkey", "714321", "71432", nil, 0},
		{"passkey", "12 then 34", "12, 34", nil, 1}, {"passkey", "34 then 12", "12, 34", nil, 0},
		{"passkey", "12", "none", nil, 0},
		{"choice", "The answer is (B) because", "(B) Text", nil, 1}, {"choice", "B", "(B) T", nil, 1},
		{"choice", "Bo", "(B) T", nil, 0}, {"choice", "A fox did.", "(A) T", nil, 0},
		{"choice", "The answer is: B", "(B) T", nil, 1}, {"choice", "B. Bo", "(B) T", nil, 1}, {"choice",
			"C. B", "(B) T", nil, 0},
		{"longbench-classification", "City or Other", "City", []string{"City", "Other", "Ci"}, 0.5},
		{"longbench-classification", "City", "City", []string{"City", "Other"}, 1},
		{"longbench-classification", "none", "City", []string{"City"}, 0},
		{"longbench-count", "7 or 8", "7", nil, 0.5}, {"longbench-count", "", "7", nil, 0},
	} {
		m, err := Find(c.metric)
		if err != nil {
			t.Fatal(err)
		}
		if got := (&Scorer{}).Score(m, c.prediction, []string{c.answer}, c.classes); got != c.want {
			t.Errorf("%s of %q against %q: %v, want %v", c.metric, c.prediction, c.answer, got, c.want)
		}
	}
}
