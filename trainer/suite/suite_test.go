package suite

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"longlora/trainer/eval"
	"longlora/trainer/retrieval"
)

func some() *Suite {
	var samples []retrieval.Sample
	for _, length := range []int{256, 512} {
		for _, depth := range []float64{0, 1} {
			for i := range 4 {
				samples = append(samples, retrieval.Sample{Task: "passkey", Length: length, Depth: depth,
					Score: float64(i % 2)})
			}
		}
	}
	r := retrieval.Summarize(samples)
	return &Suite{
		Model:     Model{Name: "<model>", Context: 512, RoPE: "linear", Factor: 4, Original: 128},
		Retrieval: &r,
		Perplexity: &eval.Perplexity{NLL: 2.5, Buckets: []eval.Bucket{{From: 0, To: 256, NLL: 3},
			{From: 256, To: 512, NLL: 2}}},
		ByContext: []ContextLoss{{Context: 256, NLL: 3}, {Context: 512, NLL: 2.5}},
		Short:     &eval.ShortResult{Limit: 128, Documents: 3, Tokens: 99, Base: 2, Model: 2.125},
		PassKey:   []eval.Recall{{Tokens: 300, Trials: 10, Correct: 7}},
		Shards:    map[string]ShardIdentity{"perplexity": {"books", "0123456789abcdef", "test"}},
	}
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	s := some()
	if err := s.Write(dir); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, ResultName))
	if err != nil {
		t.Fatal(err)
	}
	var back Suite
	if err := json.Unmarshal(data, &back); err != nil || !reflect.DeepEqual(&back, s) {
		t.Errorf("%+v, want %+v, %v", back, s, err)
	}
	page, err := os.ReadFile(filepath.Join(dir, PageName))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"&lt;model&gt;", "<h3>passkey</h3>", "<svg",
		`hsl(60 70% 75%)">50 <small>± 29`, "loss 2.125, the base's 2.000",
		"<td>300</td><td>7</td><td>10</td>", "books, split test, 0123456789ab"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(string(page), "NaN") || strings.Contains(string(page), "ZgotmplZ") {
		t.Error("the page holds what is no number, or what the template refused")
	}
}

// TestLittle: what was not measured is left out.
func TestLittle(t *testing.T) {
	page, err := (&Suite{Model: Model{Name: "m"}}).Page()
	if err != nil || strings.Contains(string(page), "<svg") || strings.Contains(string(page), "<h2>") {
		t.Errorf("%s, %v", page, err)
	}
	one := retrieval.Summarize([]retrieval.Sample{{Task: "passkey", Length: 256, Depth: 0.5, Score: 1}})
	page, err = (&Suite{Retrieval: &one}).Page()
	if err != nil || strings.Contains(string(page), "NaN") {
		t.Errorf("%s, %v", page, err)
	}
}
