package ingest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"longlora/pipeline/decontaminate"
	"longlora/pipeline/filter"
	"longlora/pipeline/limit"
	"longlora/pipeline/source"
	"longlora/pipeline/split"
	"longlora/schemas"
	"longlora/schemas/shard"
	"longlora/schemas/shard/shardtest"
)

// memory is a source of documents in memory, a few in a unit.
type memory struct {
	items []source.Item
	fail  error // of the unit that holds the last document
}

const perUnit = 3

func (m memory) Units(context.Context) iter.Seq2[source.Unit, error] {
	return func(yield func(source.Unit, error) bool) {
		for from := 0; from < len(m.items); from += perUnit {
			to := int64(min(from+perUnit, len(m.items)))
			u := source.Unit{Parts: []source.Part{{From: int64(from), To: to}}, Bytes: to - int64(from)}
			if !yield(u, nil) {
				return
			}
		}
	}
}

func (m memory) Read(_ context.Context, u source.Unit) iter.Seq2[source.Item, error] {
	return func(yield func(source.Item, error) bool) {
		for i := u.Parts[0].From; i < u.Parts[0].To; i++ {
			if m.fail != nil && i == int64(len(m.items))-1 {
				yield(source.Item{}, m.fail)
				return
			}
			if !yield(m.items[i], nil) {
				return
			}
		}
	}
}

func (m memory) Config() map[string]any { return map[string]any{"origin": "memory"} }
func (m memory) Languages() []string    { return []string{"en"} }

func item(id, text string) source.Item {
	return source.Item{Document: schemas.Document{
		DocID: id, Source: "memory", Licence: "MIT", Language: "en", Text: text,
	}}
}

func options(out string, m memory) Options {
	return Options{
		Out: out, Name: "test", Kind: "memory", Source: m, Filters: []string{"length"},
		Filter: filter.Options{MinChars: 4}, Shares: split.DefaultShares(), MaxDropped: limit.Share(1),
	}
}

// words is a text that is near no other of another seed.
func words(seed int64, n int) string {
	rng := rand.New(rand.NewSource(seed))
	var b strings.Builder
	for range n {
		fmt.Fprintf(&b, "w%d ", rng.Intn(100_000))
	}
	return b.String()
}

func ingest(t *testing.T, o Options) (*shard.Dataset, map[string]schemas.Document) {
	t.Helper()
	if _, err := Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	d, err := shard.Open(o.Out)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Verify(context.Background()); err != nil {
		t.Fatal(err)
	}
	docs := map[string]schemas.Document{}
	for _, s := range d.Splits() {
		for row, err := range shard.Rows[schemas.Document](d, s) {
			if err != nil {
				t.Fatal(err)
			}
			row.Meta = map[string]string{"split": s} // for the tests
			docs[row.DocID] = row
		}
	}
	return d, docs
}

func rejects(t *testing.T, d *shard.Dataset) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(d.Dir(), "reject", "rejected.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestDuplicates(t *testing.T) {
	m := memory{items: []source.Item{
		item("a", "first text"), item("b", "second text"), item("c", "first text"),
		item("a", "third text"), item("d", "third text"), item("e", "cafe\u0301"),
		item("f", "caf\u00e9"), item("g", "no"), {
			Document: schemas.Document{DocID: "h"}, Reason: "unreadable", Detail: "gone",
		},
	}}
	d, docs := ingest(t, options(filepath.Join(t.TempDir(), "d"), m))
	for id, text := range map[string]string{
		"a": "first text", "b": "second text", "d": "third text", "e": "caf\u00e9",
	} {
		if docs[id].Text != text {
			t.Errorf("document %s is %q, want %q", id, docs[id].Text, text)
		}
	}
	if len(docs) != 4 {
		t.Errorf("%d documents, want 4", len(docs))
	}
	want := `{"id":"a","reason":"duplicate id","detail":"of a"}
{"id":"c","reason":"duplicate","detail":"of a"}
{"id":"f","reason":"duplicate","detail":"of e"}
{"id":"g","reason":"too short","detail":"2 characters, at least 4 wanted"}
{"id":"h","reason":"unreadable","detail":"gone"}
`
	if got := rejects(t, d); got != want {
		t.Errorf("rejected:\n%swant:\n%s", got, want)
	}
	if r := d.Manifest().Report; r["inputs"] != 9.0 || r["documents"] != 4.0 || r["clusters"] != 4.0 {
		t.Errorf("report %v", r)
	}
}

func TestKeepDuplicates(t *testing.T) {
	o := options(filepath.Join(t.TempDir(), "d"), memory{items: []source.Item{
		item("a", "same text"), item("b", "same text"), item("b", "another"),
	}})
	o.KeepDuplicates = true
	if _, docs := ingest(t, o); len(docs) != 2 || docs["a"].Meta["split"] != docs["b"].Meta["split"] {
		t.Errorf("got %v", docs)
	}
}

// TestSplitsAreThoseOfAssign compares the splits, found in bounded memory, with the library's.
func TestSplitsAreThoseOfAssign(t *testing.T) {
	var m memory
	texts := map[string]string{}
	add := func(id, text string) {
		m.items = append(m.items, item(id, text))
		texts[id] = text
	}
	for i := range int64(60) {
		text := words(i, 100)
		add(fmt.Sprintf("m%d", i), text)
		if i%4 == 0 {
			add(fmt.Sprintf("a%d", i), text+"and a few more words")
		}
		if i%8 == 0 {
			add(fmt.Sprintf("z%d", i), "begin with these "+text)
		}
	}
	want, err := split.Assign(func(yield func(string, string) bool) {
		for id, text := range texts {
			if !yield(id, text) {
				return
			}
		}
	}, split.Shares{Validation: 0.2, Test: 0.3})
	if err != nil {
		t.Fatal(err)
	}
	o := options(filepath.Join(t.TempDir(), "d"), m)
	o.Shares = split.Shares{Validation: 0.2, Test: 0.3}
	_, docs := ingest(t, o)
	got := map[string]string{}
	for id, d := range docs {
		got[id] = d.Meta["split"]
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got["m0"] != got["a0"] || got["m0"] != got["z0"] {
		t.Error("near-duplicates stand in different splits")
	}
}

func TestWorkersDoNotMatter(t *testing.T) {
	var m memory
	for i := range int64(50) {
		m.items = append(m.items, item(fmt.Sprint("d", i), words(i%40, 60)), item(fmt.Sprint("e", i), "x"))
	}
	root := t.TempDir()
	var want map[string]string
	for _, workers := range []int{1, 2, 7} {
		o := options(filepath.Join(root, fmt.Sprint(workers)), m)
		o.Workers = workers
		d, _ := ingest(t, o)
		if got := shardtest.Contents(t, d.Dir()); want == nil {
			want = got
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%d workers give other bytes than one", workers)
		}
	}
	if left, err := filepath.Glob(filepath.Join(root, "*.*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestFailures(t *testing.T) {
	good := memory{items: []source.Item{
		item("a", "first text"), item("b", "second text"), item("c", "no"), item("d", "no"),
	}}
	failed := errors.New("the disk is gone")
	for name, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"limit": {func(o *Options) { o.MaxDropped = limit.Share(0.4) },
			"2 of 4 inputs were dropped (too short: 2), and the limit is 40%"},
		"nothing left": {func(o *Options) { o.Filter.MinChars = 1000 }, "no document is left of 4 inputs"},
		"source":       {func(o *Options) { o.Source = memory{good.items, failed} }, failed.Error()},
		"licence": {func(o *Options) {
			o.Source = memory{items: []source.Item{{Document: schemas.Document{DocID: "x", Text: "text"}}}}
		}, `document "x" has no licence`},
		"options": {func(o *Options) { o.Split, o.Filters = "dev", []string{"taste"} }, `"taste"`},
	} {
		root := t.TempDir()
		o := options(filepath.Join(root, "d"), good)
		c.change(&o)
		_, err := Run(context.Background(), o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if left, err := os.ReadDir(root); err != nil || len(left) > 0 {
			t.Errorf("%s: left behind %v, %v", name, left, err)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	root := t.TempDir()
	_, err := Run(ctx, options(filepath.Join(root, "d"), memory{items: []source.Item{item("a", "text")}}))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(root); err != nil || len(left) > 0 {
		t.Errorf("left behind %v, %v", left, err)
	}
}

func TestOneSplit(t *testing.T) {
	o := options(filepath.Join(t.TempDir(), "d"), memory{items: []source.Item{item("a", "some text")}})
	o.Split = "validation"
	if d, _ := ingest(t, o); !reflect.DeepEqual(d.Splits(), []string{"validation"}) {
		t.Errorf("splits %v", d.Splits())
	}
}

// TestSelection runs everything that chooses among documents at once, with any number of workers and
// with sorts that go to disk.
func TestSelection(t *testing.T) {
	var m memory
	frame := "Home | News | Archive | About this page\n"
	for i := range int64(60) {
		text := frame + words(i, 120)
		switch i % 6 {
		case 1: // nearly the document before
			text = frame + words(i-1, 120) + "and one more"
		case 2: // a passage of another
			text = frame + words(1000+i, 50) + words(i-2, 120)[:300] + words(2000+i, 50)
		case 3:
			text = frame + words(i, 60) + " a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 a11 a12 a13 a14 "
		}
		m.items = append(m.items, item(fmt.Sprintf("d%02d", i), text))
	}
	x, err := decontaminate.NewIndex(decontaminate.Options{Policy: decontaminate.Mask})
	if err != nil {
		t.Fatal(err)
	}
	x.Add(decontaminate.Item{ID: "q", Queries: []string{"a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 a11 a12 a13"}})
	root := t.TempDir()
	var want map[string]string
	for _, workers := range []int{1, 2, 7} {
		o := options(filepath.Join(root, fmt.Sprint(workers)), m)
		o.Workers, o.Near, o.Passages.Words, o.RepeatedLines = workers, 0.8, 40, 5
		o.Evaluation, o.SortMemory = x, 1
		d, docs := ingest(t, o)
		if got := shardtest.Contents(t, d.Dir()); want == nil {
			want = got
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%d workers give other bytes than one", workers)
		}
		if docs["d00"].Text != words(0, 120) || docs["d01"].Text != "" {
			t.Errorf("d00 is %.60q, d01 is %.60q", docs["d00"].Text, docs["d01"].Text)
		}
		if got := docs["d02"].Text; len(got) > 760 || strings.Contains(got, words(0, 120)[40:250]) {
			t.Errorf("d02 holds a passage of d00: %q", got)
		}
		if got := docs["d03"].Text; !strings.HasSuffix(got, decontaminate.Placeholder+" a14 ") {
			t.Errorf("d03 is %q", got)
		}
		r := d.Manifest().Report
		if got := fmt.Sprint(r["repeats"]); !strings.Contains(got, "lines:50 ") ||
			!strings.Contains(got, "passages:10") {
			t.Errorf("repeats %s", got)
		}
		if got := fmt.Sprint(r["contamination"]); !strings.Contains(got, "documents:10") {
			t.Errorf("contamination %s", got)
		}
		if n := d.Manifest().Rejected["near-duplicate"]; n != 10 {
			t.Errorf("%d near-duplicates, want 10", n)
		}
	}
}
