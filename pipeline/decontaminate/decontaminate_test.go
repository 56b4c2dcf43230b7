package decontaminate

import (
	"context"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"pgregory.net/rapid"

	"longlora/schemas"
	"longlora/schemas/shard"
	"longlora/schemas/shard/shardtest"
)

func index(t testing.TB, o Options, items ...Item) *Index {
	t.Helper()
	x, err := NewIndex(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range items {
		x.Add(it)
	}
	return x
}

const (
	query  = "Which of the two captains first saw the white whale off the coast of Japan"
	answer = "It was the captain of the Samuel Enderby who saw him one season on the Line before"
)

func TestParts(t *testing.T) {
	item := Item{ID: "q:1", Queries: []string{query}, Answers: []string{answer},
		Texts: []string{"one two three four five six seven eight nine ten eleven twelve thirteen"}}
	w := strings.Fields
	tail, head := strings.Join(w(query)[8:], " "), strings.Join(w(answer)[:7], " ")
	for _, c := range []struct {
		text string
		want []Part
	}{
		{"He asked: which of the two captains first SAW the white whale, off the coast of Japan?",
			[]Part{Query}},
		{"x " + answer + " y", []Part{Answer}},
		{tail + " " + head, []Part{Overlap}},
		{query + " " + answer, []Part{Query}}, // one passage
		{strings.Join(w(query)[:12], " "), nil},
		{"one two three four five six seven eight nine ten eleven twelve thirteen", []Part{Text}},
		{"One, two: three four five six seven eight nine ten eleven twelve.", nil},
		{answer + " and " + query, []Part{Answer, Query}},
	} {
		var got []Part
		for _, h := range index(t, Options{}, item).Check(c.text) {
			got = append(got, h.Part)
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: got %v, want %v", c.text, got, c.want)
		}
		for _, p := range Parts() {
			for _, h := range index(t, Options{Parts: []Part{p}}, item).Check(c.text) {
				if h.Part != p {
					t.Errorf("part %s finds %s in %q", p, h.Part, c.text)
				}
			}
		}
	}
}

func TestHitsSayWhere(t *testing.T) {
	text := "Before. " + query + ", and then more; later " + query + "!"
	hits := index(t, Options{}, Item{ID: "q:1", Queries: []string{query}}).Check(text)
	want := []Hit{
		{Start: 8, End: 8 + len(query), Words: 15, Item: "q:1", Part: Query,
			NGram: strings.Join(strings.Fields(query)[:13], " ")},
		{Start: len(text) - 1 - len(query), End: len(text) - 1, Words: 15, Item: "q:1", Part: Query,
			NGram: strings.Join(strings.Fields(query)[:13], " ")},
	}
	if !reflect.DeepEqual(hits, want) {
		t.Errorf("got %+v, want %+v", hits, want)
	}
	masked := MaskHits(text, hits)
	if want := "Before. " + Placeholder + ", and then more; later " + Placeholder + "!"; masked != want {
		t.Errorf("masked %q", masked)
	}
}

// TestAgainstSets compares hits with runs of words that are strings in a set.
func TestAgainstSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vocabulary := rapid.SampledFrom([]string{"a", "b", "c", "D,", "é", "ж.", "x1"})
		draw := func(name string) []string { return rapid.SliceOfN(vocabulary, 0, 30).Draw(t, name) }
		n := rapid.IntRange(3, 6).Draw(t, "words")
		q, a, doc := draw("query"), draw("answer"), draw("document")
		x, err := NewIndex(Options{Words: n})
		if err != nil {
			t.Fatal(err)
		}
		x.Add(Item{ID: "i", Queries: []string{strings.Join(q, " ")}, Answers: []string{strings.Join(a, " ")}})
		clean := func(w []string) string { return strings.ToLower(strings.Trim(strings.Join(w, "|"), ",.")) }
		norm := func(w []string) string {
			return strings.NewReplacer(",", "", ".", "").Replace(clean(w))
		}
		set := map[string]bool{}
		all := append(append([]string{}, q...), a...)
		for i := 0; i+n <= len(all); i++ {
			set[norm(all[i:i+n])] = true
		}
		covered := make([]bool, len(doc))
		for i := 0; i+n <= len(doc); i++ {
			if set[norm(doc[i:i+n])] {
				for k := i; k < i+n; k++ {
					covered[k] = true
				}
			}
		}
		text, want, got := "", 0, 0
		var bytes []int
		for _, w := range doc {
			bytes = append(bytes, len(text))
			text += w + " "
		}
		hits := x.Check(text)
		for i, c := range covered {
			inside := false
			for _, h := range hits {
				inside = inside || h.Start <= bytes[i] && bytes[i] < h.End
			}
			if inside != c {
				t.Fatalf("word %d of %q: covered %v, want %v", i, doc, inside, c)
			}
			if c {
				want++
			}
		}
		for _, h := range hits {
			got += h.Words
		}
		if got != want {
			t.Fatalf("hits of %d words, want %d", got, want)
		}
	})
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestShapes finds parts in the shapes of well-known evaluation sets.
func TestShapes(t *testing.T) {
	q, a := strings.Fields(query), strings.Fields(answer)
	words := func(prefix string) string {
		var b strings.Builder
		for i := range 15 {
			fmt.Fprintf(&b, "%s%d ", prefix, i)
		}
		return b.String()
	}
	long := words("ctx")
	for name, c := range map[string]struct {
		file, content string
		items         int64
	}{
		"flat": {"a.jsonl", `{"question":"` + query + `","answer":"` + answer + `","context":"` + long + `"}`, 1},
		"SQuAD": {"b.jsonl", `{"question":"` + query + `","context":"` + long +
			`","answers":{"text":["` + answer + `"],"answer_start":[1]}}`, 1},
		"QMSum": {"c.jsonl", `{"general_query_list":[{"query":"` + query + `","answer":"` + answer +
			`"},{"query":"x","answer":"y"}],"meeting_transcripts":[{"speaker":"A","content":"` + long + `"}]}`, 3},
		"SQuALITY": {"d.json", `{"document":"` + long + `","questions":[{"question_text":"` + query +
			`","responses":[{"response_text":"` + answer + `"}]}]}`, 2},
		"list": {"e.json", `[{"prompt":"` + query + `"},{"output":"` + answer + `"},{"text":"` + long + `"}]`, 3},
	} {
		path := write(t, t.TempDir(), c.file, c.content)
		x, err := Load(context.Background(), []string{path}, Options{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if n, _ := x.Items(); n != c.items {
			t.Errorf("%s: %d items, want %d", name, n, c.items)
		}
		for part, text := range map[Part]string{
			Query: strings.Join(q, " "), Answer: strings.Join(a, " "), Text: long,
		} {
			if hits := x.Check(text); len(hits) != 1 || hits[0].Part != part {
				t.Errorf("%s: %s gives %+v", name, part, hits)
			}
		}
		overlap := strings.Join(q[9:], " ") + " " + strings.Join(a[:8], " ")
		if hits := x.Check(overlap); (len(hits) == 1) != (name != "list") {
			t.Errorf("%s: overlap gives %+v", name, hits)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.txt", query)
	write(t, dir, "ignored.csv", answer)
	write(t, dir, "b.jsonl", "\n{\"text\":\"short\"}\n{\"my_q\":\""+answer+"\"}")
	f, err := os.Create(filepath.Join(dir, "c.txt.gz"))
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	fmt.Fprint(z, "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu")
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	x, err := Load(context.Background(), []string{dir}, Options{QueryFields: []string{"my_q"}})
	if err != nil {
		t.Fatal(err)
	}
	if all, short := x.Items(); all != 4 || short != 1 {
		t.Errorf("%d items, %d short, want 4 and 1", all, short)
	}
	for text, item := range map[string]string{
		query: "a.txt", answer: "b.jsonl:3",
		"alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu": "c.txt.gz",
	} {
		if hits := x.Check(text); len(hits) != 1 || hits[0].Item != item {
			t.Errorf("%q: got %+v, want %s", text, hits, item)
		}
	}
	y, err := Load(context.Background(), []string{dir}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if reflect.DeepEqual(x.Config(), y.Config()) {
		t.Error("other options give the same Config")
	}
	if s := fmt.Sprint(x.Config()); strings.Contains(s, dir) || !strings.Contains(s, "a.txt") {
		t.Errorf("config %s", s)
	}
}

// TestLoadDataset reads the examples of a dataset of this project, and nothing else of it.
func TestLoadDataset(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "qa")
	d := schemas.Document{DocID: "d", Licence: "MIT", Text: query}
	d.Seal()
	shardtest.Write(t, dir, shard.Options{Kind: schemas.KindDocument, Name: "qa"},
		shardtest.File[schemas.Document]{Split: "test", Rows: []schemas.Document{d}})
	x, err := Load(context.Background(), []string{dir}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	hits := x.Check(query)
	if n, _ := x.Items(); n != 1 || len(hits) != 1 || hits[0].Item != "test-00000-of-00001.parquet:1" {
		t.Errorf("%d items, hits %+v", n, hits)
	}
}

// Parquet files of others hold answers in groups and lists; scripts/oracle/evaluation.py wrote this one.
func TestLoadParquetLists(t *testing.T) {
	path := filepath.Join("testdata", "lists.parquet")
	x, err := Load(context.Background(), []string{path}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := x.Items(); n != 3 {
		t.Errorf("%d items, want 3", n)
	}
	const choice = "the mate who had sailed with him for thirty years and never once had lowered a boat"
	const turn = "And what did the carpenter make for the captain from the jaw of the sperm whale then"
	for text, want := range map[string]struct {
		row  int
		part Part
	}{query: {1, Query}, answer: {1, Answer}, choice: {2, Answer}, turn: {3, Query}} {
		hits := x.Check("before it " + text + " and behind")
		if len(hits) != 1 || hits[0].Item != fmt.Sprintf("lists.parquet:%d", want.row) ||
			hits[0].Part != want.part {
			t.Errorf("%q: hits %+v, want item %d, part %s", text, hits, want.row, want.part)
		}
	}
}

func TestFailures(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o777); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none.jsonl"):                                 "no such file",
		filepath.Join(dir, "empty"):                                      "the folder holds none of .jsonl",
		write(t, dir, "x.csv", "a"):                                      "the name ends in none of .jsonl",
		write(t, dir, "bad.jsonl", "{\"text\":\"a\"}\n{\"text\":"):       "line 2: unexpected end of JSON",
		write(t, dir, "names.jsonl", `{"frage":"Wer?"}`):                 "it holds none of the fields question",
		write(t, dir, "z.txt.gz", "no gzip at all"):                      "repair or remove the file",
		write(t, dir, "p.parquet", "PAR1 and then nothing, for nothing"): "not a Parquet file",
	} {
		_, err := Load(context.Background(), []string{path}, Options{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
	_, err := NewIndex(Options{Words: 2, Parts: []Part{"title"}, Policy: "burn"})
	for _, want := range []string{"runs of 2 words", `part "title"`, `policy "burn"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestEmptyIndex(t *testing.T) {
	if hits := index(t, Options{}).Check(query); hits != nil {
		t.Errorf("an empty index gives %v", hits)
	}
}

// BenchmarkCheck runs over text that holds nothing of an index of a million runs.
func BenchmarkCheck(b *testing.B) {
	rng := rand.New(rand.NewSource(1))
	text := func(n int) string {
		var s strings.Builder
		for range n {
			fmt.Fprintf(&s, "w%d ", rng.Intn(30_000))
		}
		return s.String()
	}
	x := index(b, Options{}, Item{ID: "i", Texts: []string{text(1_000_000)}})
	doc := text(200_000)
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		if hits := x.Check(doc); len(hits) > 0 {
			b.Fatal("hits in random text")
		}
	}
}
