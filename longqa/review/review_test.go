package review

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"longlora/schemas"
	"longlora/schemas/shard"
	"longlora/schemas/shard/shardtest"
)

// dataset has four rows over two contexts.
func dataset(t *testing.T, change func(*schemas.Example)) *shard.Dataset {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "qa")
	var rows []schemas.Example
	for i := range 4 {
		e := schemas.Example{
			ID: fmt.Sprint("r", i), DocIDs: []string{"d"}, Genre: "book", Split: "train", Licence: "MIT",
			Task: []string{"summary", "detail"}[i%2], Instruction: fmt.Sprint("Q", i), Output: "A.",
			Context: fmt.Sprint("Context ", i/2, "\n"), Evidence: []schemas.Span{{Start: 0, End: 7}},
		}
		if change != nil {
			change(&e)
		}
		rows = append(rows, e)
	}
	return shardtest.Write(t, dir, shard.Options{Kind: schemas.KindExample, Name: "qa"},
		shardtest.File[schemas.Example]{Split: "train", Rows: rows})
}

func open(t *testing.T, d *shard.Dataset, c Choice, decisions string) *Server {
	t.Helper()
	s, err := Open(t.Context(), d, c, decisions, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // tests close some before
	return s
}

const host = "127.0.0.1:8000"

func ask(s *Server, method, path, body string, header ...string) (int, string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = host
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		if r.Header.Set(header[i], header[i+1]); header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	w := httptest.NewRecorder()
	s.Handler(host).ServeHTTP(w, r)
	data, _ := io.ReadAll(w.Body)
	return w.Code, string(data)
}

func TestServe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "decisions.jsonl")
	d := dataset(t, nil)
	s := open(t, d, Choice{}, file)
	for path, want := range map[string]string{
		"/": "<title>LongQA review", "/review.js": "use strict", "/style.css": "color-scheme",
		"/api/rows": `"id":"r3"`, "/api/row/2": `"instruction":"Q2"`, "/api/context/1": "Context 1\n",
	} {
		if code, body := ask(s, "GET", path, ""); code != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %.80q, want %q in it", path, code, body, want)
		}
	}
	if _, body := ask(s, "GET", "/api/row/2", ""); strings.Contains(body, "Context 1") ||
		!strings.Contains(body, `"context_index":1`) {
		t.Errorf("a row comes with its context: %s", body)
	}
	for _, c := range []struct {
		body string
		code int
	}{
		{`{"n":0,"decision":"keep"}`, 200}, {`{"n":1,"decision":"reject","note":"wrong"}`, 200},
		{`{"n":2,"decision":"keep"}`, 200}, {`{"n":2,"decision":"none"}`, 200},
		{`{"n":4,"decision":"keep"}`, 400}, {`{"n":0,"decision":"maybe"}`, 400}, {`nothing`, 400},
	} {
		if code, body := ask(s, "POST", "/api/decide", c.body); code != c.code {
			t.Errorf("%s: %d %s, want %d", c.body, code, body, c.code)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, d, Choice{}, file)
	var list struct{ Rows []Row }
	_, body := ask(again, "GET", "/api/rows", "")
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, r := range list.Rows {
		got = append(got, r.Decision+r.Note)
	}
	if diff := cmp.Diff([]string{"keep", "rejectwrong", "", ""}, got); diff != "" {
		t.Errorf("decisions after a restart (-want +got):\n%s", diff)
	}
}

// Another page of the browser, or another name for this machine, gets nothing.
func TestRefusesStrangers(t *testing.T) {
	s := open(t, dataset(t, nil), Choice{}, filepath.Join(t.TempDir(), "x"))
	decide := `{"n":0,"decision":"reject"}`
	for _, c := range []struct {
		header []string
		code   int
	}{
		{[]string{"Host", "evil.example:8000"}, 403}, {[]string{"Host", "127.0.0.1:9000"}, 403},
		{[]string{"Origin", "http://evil.example"}, 403}, {[]string{"Origin", "null"}, 403},
		{[]string{"Content-Type", "text/plain"}, 415}, {[]string{"Origin", "http://" + host}, 200},
		{[]string{"Host", "localhost:8000"}, 200}, {[]string{"Host", "[::1]:8000"}, 200},
	} {
		if code, _ := ask(s, "POST", "/api/decide", decide, c.header...); code != c.code {
			t.Errorf("%v: %d, want %d", c.header, code, c.code)
		}
	}
	if code, _ := ask(s, "GET", "/api/row/x", ""); code != http.StatusNotFound {
		t.Errorf("no number: %d", code)
	}
}

func TestSample(t *testing.T) {
	d := dataset(t, nil)
	s := open(t, d, Choice{Sample: 1}, filepath.Join(t.TempDir(), "x"))
	if s.Rows() != 2 || s.spool.rows[0].Task == s.spool.rows[1].Task {
		t.Errorf("%d rows of a sample of 1 a task", s.Rows())
	}
	_, err := Open(t.Context(), d, Choice{Split: "test"}, filepath.Join(t.TempDir(), "y"), nil)
	if err == nil || !strings.Contains(err.Error(), "the splits [train]") {
		t.Errorf("an empty split: %v", err)
	}
}

// A line that was cut off goes, and what follows is whole.
func TestDecisionsAfterKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d.jsonl")
	text := `{"id":"a","decision":"keep","row":"1"}` + "\n" + `{"id":"b","decis`
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	d, err := OpenDecisions(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDecisions(path); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second reviewer: %v", err)
	}
	if err := d.Add(Decision{ID: "c", Decision: Reject, Row: "3"}); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := ReadDecisions(path)
	want := map[string]Decision{"a": {"a", Keep, "", "1"}, "c": {"c", Reject, "", "3"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if err := os.WriteFile(path, []byte("{}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadDecisions(path); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("a line that decides nothing: %v", err)
	}
}

func TestApply(t *testing.T) {
	d := dataset(t, nil)
	first := schemas.Example{Instruction: "Q0", Output: "A."}
	decisions := map[string]Decision{
		"r0": {ID: "r0", Decision: Reject, Note: "no", Row: rowHash(&first)},
		"r1": {ID: "r1", Decision: Reject, Row: "of another row"}, "gone": {ID: "gone", Decision: Keep},
	}
	second := schemas.Example{Instruction: "Q2", Output: "A."}
	decisions["r2"] = Decision{ID: "r2", Decision: Keep, Row: rowHash(&second)}
	out := filepath.Join(t.TempDir(), "out")
	a, err := Apply(t.Context(), d, decisions, out, false, false)
	if err != nil {
		t.Fatal(err)
	}
	if a.Kept != 1 || a.Rejected != 1 || a.Undecided != 2 || a.Stale != 2 ||
		a.Manifest.Rejected["review-rejected"] != 1 {
		t.Errorf("got %+v", a)
	}
	if ids := idsOf(t, out); ids != "r1 r2 r3" {
		t.Errorf("rows %s", ids)
	}
	if a, err = Apply(t.Context(), d, decisions, out, true, true); err != nil ||
		idsOf(t, out) != "r2" {
		t.Errorf("only kept: %+v, %v", a, err)
	}
	if _, err = Apply(t.Context(), d, nil, out, true, true); err == nil ||
		!strings.Contains(err.Error(), "no row is left") {
		t.Errorf("nothing kept: %v", err)
	}
}

func idsOf(t *testing.T, dir string) string {
	t.Helper()
	d, err := shard.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for e, err := range shard.Rows[schemas.Example](d, "") {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, e.ID)
	}
	return strings.Join(ids, " ")
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Open(ctx, dataset(t, nil), Choice{}, filepath.Join(t.TempDir(), "x"), nil)
	if err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("got %v", err)
	}
}
