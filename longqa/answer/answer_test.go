package answer

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"longlora/longqa/endpoint"
	"longlora/longqa/faketeacher"
	"longlora/schemas"
	"longlora/schemas/shard"
	"longlora/schemas/shard/shardtest"
)

func dataset(t *testing.T, rows ...schemas.Example) *shard.Dataset {
	t.Helper()
	o := shard.Options{Kind: schemas.KindExample, Name: "qa"}
	return shardtest.Write(t, t.TempDir()+"/qa", o,
		shardtest.File[schemas.Example]{Split: "test", Rows: rows})
}

// Open book, the material goes along with the question; closed book, the question goes alone. The
// answers come in the rows' order, and a call that fails leaves its row out.
func TestRun(t *testing.T) {
	rows := []schemas.Example{}
	for _, name := range []string{"one", "two", "three", "four"} {
		rows = append(rows, schemas.Example{
			ID: name, Instruction: "Who is " + name + "?", Output: "Nobody.", Context: "MATERIAL of " + name,
			DocIDs: []string{"d"}, Genre: "book", Task: "question", Licence: "MIT", AnswerSource: "gold:x",
			Split: "test", NTokens: 4, Turns: []schemas.Turn{{Question: "LATER", Answer: "LATER"}},
		})
	}
	d := dataset(t, rows...)
	var mu sync.Mutex
	var bodies []string
	s := faketeacher.New(t)
	s.Behave = func(w http.ResponseWriter, _ *http.Request, c *faketeacher.Call) bool {
		mu.Lock()
		bodies = append(bodies, c.Body)
		mu.Unlock()
		last := c.Messages[len(c.Messages)-1]
		question := last.Content
		if last.Role != "user" {
			t.Errorf("the question is said by %q", last.Role)
		}
		switch {
		case strings.Contains(question, "two"):
			http.Error(w, `{"error": {"message": "no"}}`, http.StatusBadRequest)
		case strings.Contains(question, "one"):
			time.Sleep(30 * time.Millisecond) // the others come first
			fallthrough
		default:
			s.Reply(w, c, "It is "+question[strings.Index(question, "Who is ")+7:][:3])
		}
		return true
	}
	for _, closed := range []bool{false, true} {
		bodies = nil
		c, err := endpoint.Open(t.TempDir(), endpoint.Options{URL: s.URL, Retries: 1}, "")
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		r, err := Run(t.Context(), c, d, Options{Model: "m", ClosedBook: closed}, &out)
		if err != nil || r.Answered != 3 || r.Failed != 1 || !strings.Contains(r.Why, "400") {
			t.Errorf("report %+v, %v", r, err)
		}
		var ids []string
		for line := range strings.Lines(out.String()) {
			var p Prediction
			if err := json.Unmarshal([]byte(line), &p); err != nil {
				t.Fatal(err)
			}
			if p.Prediction != "It is "+p.ID[:3] || p.Model != "m" {
				t.Errorf("got %+v", p)
			}
			ids = append(ids, p.ID)
		}
		if got := strings.Join(ids, " "); got != "one three four" {
			t.Errorf("order %s", got)
		}
		for _, b := range bodies {
			if strings.Contains(b, "MATERIAL") == closed || strings.Contains(b, "Nobody") ||
				strings.Contains(b, "LATER") {
				t.Errorf("closed %v: the call says %s", closed, b)
			}
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}
