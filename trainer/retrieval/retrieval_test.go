package retrieval

import (
	"context"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"longlora/internal/defaults"
	"longlora/internal/tokenizer"
)

func tok(t *testing.T) *tokenizer.Tokenizer {
	t.Helper()
	x, err := tokenizer.Parse("tokenizer.json", defaults.TokenizerFile())
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestSamples walks the table: a sample fills its length, its answers stand in it once asked for,
// and its fact stands at its depth.
func TestSamples(t *testing.T) {
	x := tok(t)
	for _, task := range Tasks() {
		for _, length := range []int{300, 1000} {
			for i, depth := range []float64{0, 0.25, 0.5, 1} {
				s, err := task.Make(x, length, depth, uint64(i))
				if err != nil {
					t.Fatal(err)
				}
				again, err := task.Make(x, length, depth, uint64(i))
				if err != nil || !reflect.DeepEqual(s, again) {
					t.Errorf("%s: made again it differs", task.Name)
				}
				if n := s.Tokens + s.MaxNew; n > length || n < length-40 { // a piece has less than 40 tokens
					t.Errorf("%s: %d tokens of %d", task.Name, n, length)
				}
				checkPlace(t, task.Name, s)
				other, err := task.Make(x, length, depth, uint64(i)+100)
				if err != nil || slices.Equal(other.Answers, s.Answers) {
					t.Errorf("%s: another seed has the answers %v too", task.Name, other.Answers)
				}
			}
		}
	}
	if _, err := Tasks()[0].Make(x, 30, 0.5, 1); err == nil || !strings.Contains(err.Error(), "too short") {
		t.Errorf("30 tokens: %v", err)
	}
}

// checkPlace looks where the first answer's fact is.
func checkPlace(t *testing.T, name string, s Sample) {
	t.Helper()
	at := strings.Index(s.Prompt, s.Answers[0])
	if at < 0 {
		t.Fatalf("%s: %q does not stand in the prompt", name, s.Answers[0])
	}
	// Facts take room too, the more of it the shorter the text: 0.25 of 300 tokens.
	got := float64(at) / float64(len(s.Prompt))
	if math.Abs(got-s.Depth) > 0.25+20/float64(s.Length) {
		t.Errorf("%s, %d tokens: the fact stands at %.2f, want %.2f", name, s.Length, got, s.Depth)
	}
}

func TestScore(t *testing.T) {
	for _, c := range []struct {
		output  string
		answers []string
		want    float64
	}{
		{" 12345. The", []string{"12345"}, 1}, {"123456", []string{"12345"}, 0},
		{"AAA, BBB and CCC", []string{"AAA", "CCC", "DDD", "EEE"}, 0.5}, {"", []string{"x"}, 0},
		{"key:99999\n", []string{"99999"}, 1}, {"anything", nil, 0},
	} {
		if got := Score(c.output, c.answers); got != c.want {
			t.Errorf("Score(%q, %v) = %g, want %g", c.output, c.answers, got, c.want)
		}
	}
}

// TestGrid measures two models that are known: one that finds what stands in the last half of a
// prompt, and one that finds nothing.
func TestGrid(t *testing.T) {
	x := tok(t)
	g := Grid{Tasks: Tasks()[:1], Lengths: []int{300, 600}, Depths: 3, Seeds: 4}
	var samples []Sample
	half := func(_ context.Context, ids []int32, _ int) ([]int32, error) {
		text, err := x.Decode(ids[len(ids)/2:], true)
		key := ""
		if _, after, ok := strings.Cut(text, "The pass key is "); ok {
			key, _, _ = strings.Cut(after, ".")
		}
		return x.Encode(nil, " "+key, false), err
	}
	r, err := g.Run(t.Context(), x, half, func(s Sample) error {
		samples = append(samples, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Cells) != 6 || len(r.Rows) != 2 || len(samples) != g.Samples() {
		t.Fatalf("%d cells, %d rows, %d samples", len(r.Cells), len(r.Rows), len(samples))
	}
	for _, c := range r.Cells {
		want := 1.0
		if c.Depth == 0 {
			want = 0
		}
		if c.Depth != 0.5 && (c.Score != want || c.StdErr != 0 || c.Samples != 4) {
			t.Errorf("cell %+v, want %g", c, want)
		}
	}
	if got := Summarize(samples); !reflect.DeepEqual(got, r) {
		t.Errorf("of stored samples: %+v, want %+v", got, r)
	}
	for _, s := range samples {
		if s.Prompt == "" || Score(s.Output, s.Answers) != s.Score {
			t.Errorf("sample %+v", s)
		}
	}
	for _, bad := range []Grid{{}, {Tasks: Tasks(), Lengths: []int{0}, Depths: 1, Seeds: 1},
		{Tasks: Tasks(), Lengths: []int{100}, Seeds: 1}} {
		if bad.Validate() == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

func TestMean(t *testing.T) {
	if got := mean([]float64{1, 0, 1, 0}); got != (Mean{4, 0.5, math.Sqrt(1.0 / 12)}) {
		t.Errorf("mean %+v", got)
	}
	if got := mean([]float64{1}); got != (Mean{1, 1, 0}) {
		t.Errorf("one: %+v", got)
	}
}

func TestLookup(t *testing.T) {
	if all, err := Lookup(nil); err != nil || len(all) != 4 {
		t.Errorf("%d tasks, %v", len(all), err)
	}
	if _, err := Lookup([]string{"passkey", "x"}); err == nil || !strings.Contains(err.Error(), `"x"`) {
		t.Errorf("%v", err)
	}
}
