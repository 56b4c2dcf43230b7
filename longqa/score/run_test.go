package score

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"longlora/longqa/endpoint"
	"longlora/longqa/faketeacher"
)

func predictions(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func items() []Item {
	return []Item{
		itemOf("a", "Who?", "question", "", []string{"The fox", "A red fox"}, nil),
		itemOf("b", "Which?", "choice", "", []string{"(B) Bo"}, nil),
		itemOf("c", "Key?", "passkey", "", []string{"71432"}, nil),
		itemOf("d", "Left?", "question", "", []string{"x"}, nil),
	}
}

func TestRun(t *testing.T) {
	path := predictions(t, "p.jsonl", `{"id":"a","prediction":"red fox"}
{"id":"b","prediction":"I say (B)."}

{"id":"c","prediction":"It is 71432."}
{"id":"z","prediction":"?"}`)
	r, err := Run(t.Context(), path, items(), Options{Scorer: &Scorer{}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Missing != 1 || r.Unknown != 1 || len(r.Rows) != 3 {
		t.Errorf("missing %d, unknown %d, rows %d", r.Missing, r.Unknown, len(r.Rows))
	}
	for group, want := range map[string]float64{"question/exact": 1, "choice/choice": 1,
		"passkey/passkey": 1} {
		g, m, _ := strings.Cut(group, "/")
		if got := r.Groups[g][m].Mean; got != want {
			t.Errorf("%s: %v, want %v", group, got, want)
		}
	}
	if table := r.Table(); !strings.Contains(table, "| all | 2 |") &&
		!strings.Contains(table, "| all |") {
		t.Errorf("table\n%s", table)
	}
}

// Files of LongBench's pred.py are scored by its metrics, with the first line of few-shot tasks
// alone.
func TestLongBenchFiles(t *testing.T) {
	path := predictions(t, "trec.jsonl", `{"pred":"\nCity\nOther","answers":["City"],`+
		`"all_classes":["City","Other"],"length":3}`)
	r, err := Run(t.Context(), path, nil, Options{Scorer: &Scorer{}})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Groups["trec"]["longbench-classification"].Mean; got != 1 {
		t.Errorf("got %v, want 1: only the first line counts", got)
	}
	path = predictions(t, "lcc.jsonl", `{"pred":"x","answers":["x"],"all_classes":null,"length":3}`)
	r, err = Run(t.Context(), path, nil, Options{Scorer: &Scorer{}})
	if err != nil || r.Groups["lcc"]["longbench-code"].Mean != 1 {
		t.Errorf("lcc: %+v, %v", r, err)
	}
	path = predictions(t, "vcsum.jsonl", `{"pred":"x","answers":["x"]}`)
	if _, err = Run(t.Context(), path, nil, Options{Scorer: &Scorer{}}); err == nil ||
		!strings.Contains(err.Error(), "--jieba") {
		t.Errorf("vcsum without words: %v", err)
	}
}

func TestRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"{": "line 1: not JSON", `{"id":"a"}`: "no field prediction", `{"prediction":"x"}`: "no field id",
		`{"id":"a","prediction":"x"}` + "\n" + `{"id":"a","prediction":"y"}`: "second prediction for a",
		`{"id":"y","prediction":"x"}`:                                        "none of its 1 ids",
	} {
		_, err := Run(t.Context(), predictions(t, "p.jsonl", text), items(), Options{Scorer: &Scorer{}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", text, err, want)
		}
	}
}

// A paired comparison finds that every row is better, and its interval lies around the difference.
func TestCompare(t *testing.T) {
	open, closed := &Report{}, &Report{}
	for i := range 50 {
		id := string(rune('a'+i%26)) + string(rune('a'+i/26))
		open.Rows = append(open.Rows, Scored{ID: id, Scores: map[string]float64{"f1": 0.8}})
		closed.Rows = append(closed.Rows, Scored{ID: id,
			Scores: map[string]float64{"f1": float64(i%2) / 2}})
	}
	d := Compare(open, closed)
	if len(d) != 1 || d[0].N != 50 || d[0].Low <= 0.4 || d[0].High >= 0.7 || d[0].Low >= d[0].High {
		t.Errorf("got %+v", d)
	}
}

func TestJudge(t *testing.T) {
	s := faketeacher.New(t)
	s.Behave = func(w http.ResponseWriter, _ *http.Request, c *faketeacher.Call) bool {
		grade := `{"score": 5, "reason": "Right."}`
		if !strings.Contains(c.Body, "The fox") || strings.Contains(c.Body, "wolf") {
			grade = "none"
		}
		s.Reply(w, c, grade)
		return true
	}
	c, err := endpoint.Open(t.TempDir(), endpoint.Options{URL: s.URL}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	o := Options{Scorer: &Scorer{}, Judge: Judge(c, "m", nil, false)}
	r, err := Run(t.Context(), predictions(t, "p.jsonl", `{"id":"a","prediction":"fox"}`), items(), o)
	if err != nil || r.Groups["all"]["judge"].Mean != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
	_, err = Run(t.Context(), predictions(t, "p.jsonl", `{"id":"a","prediction":"wolf"}`), items(), o)
	if err == nil || !strings.Contains(err.Error(), "is no grade") {
		t.Errorf("got %v", err)
	}
}
