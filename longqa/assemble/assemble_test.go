package assemble

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"longlora/internal/defaults"
	"longlora/longqa/build"
	"longlora/longqa/corpus"
	"longlora/longqa/endpoint"
	"longlora/longqa/faketeacher"
	"longlora/longqa/faketree"
	"longlora/longqa/material"
	"longlora/longqa/teacher"
	"longlora/pipeline/limit"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// options make a small dataset of all kinds of rows.
func options(t *testing.T, url string) Options {
	t.Helper()
	tok, err := defaults.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var short strings.Builder
	for i := range 80 {
		fmt.Fprintf(&short, `{"instruction": "How much is %d and one?", "output": "%d"}`+"\n", i, i+1)
	}
	path := filepath.Join(dir, "short.jsonl")
	if err := os.WriteFile(path, []byte(short.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	r := build.Recipe{
		Name: "all", About: "All kinds of rows.", PerView: 3,
		Quota:  []build.Quota{{Band: material.Band{From: 2000, To: 4000}, Views: 20}},
		Shares: map[string]float64{"passages": 0.5, "section": 0.3, "words": 0.2},
		Material: []build.Material{{Material: corpus.Material{
			Source: "jsonl", Path: faketree.WriteTexts(t, faketree.Texts()),
		}}},
		Teacher: &teacher.Recipe{
			Options: endpoint.Options{URL: url, Concurrency: 2, Retries: 1}, Model: "m", Contexts: 6,
			Types: map[string]float64{"any-detail": 1},
		},
		Short: build.Short{From: []build.Rows{{Format: "alpaca", Path: path, Licence: "CC0-1.0"}}},
	}
	return Options{
		Build: build.Options{
			Out: filepath.Join(dir, "out"), Recipe: r, Tokenizer: tok, Limit: 60, MaxDropped: limit.Share(0.5),
			Step: func(string) {},
		},
		Journal: filepath.Join(dir, "calls"), MaxRejected: limit.Share(0.9), MaxTokens: 128000,
	}
}

// One run gives derived rows, a teacher's and a quarter of short ones; a run that the endpoint ends
// in the middle publishes nothing, and the next makes the calls alone that are missing.
func TestRun(t *testing.T) {
	s := faketeacher.New(t)
	down := true
	s.Behave = func(w http.ResponseWriter, _ *http.Request, c *faketeacher.Call) bool {
		if !down || c.Number <= 5 {
			return false
		}
		http.Error(w, `{"error": {"message": "closed"}}`, http.StatusUnauthorized)
		return true
	}
	o := options(t, s.URL)
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "401") {
		t.Fatalf("error %v, want one about 401", err)
	}
	for _, name := range []string{o.Build.Out, o.Build.Out + ".parts"} {
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s is there after an error", name)
		}
	}
	down = false
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, most := s.Answered(); most != 1 {
		t.Errorf("a call was answered %d times", most)
	}
	kinds := kindsOf(t, o.Build.Out)
	if kinds["derived"] < 30 || kinds["teacher"] == 0 || kinds["gold"] == 0 {
		t.Errorf("rows by kind: %v", kinds)
	}
	long, short := r.Report.Long["train"], r.Report.Short["train"]
	if want := int64(float64(long)/3 + 0.5); short != want {
		t.Errorf("%d short rows beside %d long ones, want %d", short, long, want)
	}
}

func kindsOf(t *testing.T, dir string) map[string]int {
	t.Helper()
	d, err := shard.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for e, err := range shard.Rows[schemas.Example](d, "") {
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := strings.Cut(e.AnswerSource, ":")
		kinds[kind]++
	}
	return kinds
}

// Without short rows there is no share of them.
func TestWithoutShort(t *testing.T) {
	o := options(t, faketeacher.New(t).URL)
	o.Build.Recipe.Short.From = nil
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Report.Short) > 0 || kindsOf(t, o.Build.Out)["gold"] > 0 {
		t.Errorf("short rows: %v", r.Report.Short)
	}
}
