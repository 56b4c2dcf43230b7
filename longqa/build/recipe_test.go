package build

import (
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"longlora/longqa/corpus"
	"longlora/longqa/faketree"
	"longlora/longqa/material"
	"longlora/pipeline/decontaminate"
	"longlora/pipeline/limit"
	"longlora/schemas/shard"
)

func TestRecipes(t *testing.T) {
	for _, name := range Recipes() {
		if _, err := OpenRecipe(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenRecipe("cookies"); err == nil ||
		!strings.Contains(err.Error(), "longalpaca-like") {
		t.Errorf("got %v, want the names of the recipes", err)
	}
}

func TestParseRecipeRefuses(t *testing.T) {
	const good = "name: x\ncontexts: [{from: 1, to: 2, contexts: 3}]\nquestions_per_context: 1\n" +
		"tasks: {words: 1}\n"
	if _, err := ParseRecipe([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ text, want string }{
		{good + "colour: red\n", `line 5: unknown key colour`},
		{good + "limits: {min_rows: many}\n", "line 5"},
		{strings.Replace(good, "words", "guesses", 1), `no task "guesses"; the tasks are summary`},
		{strings.Replace(good, "to: 2", "to: 0", 1), "want lengths that grow"},
		{strings.Replace(good, "words: 1", "words: -1", 1), "share -1"},
		{good + "material: [{source: text, rename: x}]\n", "cannot be renamed"},
		{good + "material: [{source: text, only: texts}]\n", "no part"},
		{good + "---\nname: y\n", "more than one YAML document"},
		{"name: x\n", "no contexts; questions_per_context is 0"},
	} {
		_, err := ParseRecipe([]byte(c.text))
		if err == nil {
			t.Errorf("%q is accepted", c.text)
			continue
		}
		if got := strings.ReplaceAll(err.Error(), "\n", "; "); !strings.Contains(got, c.want) {
			t.Errorf("got %s, want %q in it", got, c.want)
		}
	}
}

// textOptions build a small dataset of texts.
func textOptions(t *testing.T, texts []faketree.Text) Options {
	t.Helper()
	o := fakeOptions(t)
	var err error
	if o.Recipe, err = OpenRecipe("multilingual"); err != nil {
		t.Fatal(err)
	}
	o.Limit, o.MaxDropped = 200, limit.Share(1)
	o.Recipe.Quota = []Quota{
		{Band: material.Band{From: 2000, To: 4000}, Views: 20},
		{Band: material.Band{From: 4000, To: 12000}, Views: 20},
	}
	o.Recipe.Material = []Material{{Material: corpus.Material{
		Source: "jsonl", Path: faketree.WriteTexts(t, texts),
	}}}
	return o
}

// The rows over texts are the same on any number of processors, agree with the checker, and no
// context cuts a section that fits.
func TestTexts(t *testing.T) {
	build := func(processors int) (string, *Result) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
		o := textOptions(t, faketree.Texts())
		r := mustRun(t, o)
		mustAgree(t, o.Out)
		return r.Manifest.Digest, r
	}
	one, r := build(1)
	four, _ := build(4)
	if one != four {
		t.Errorf("digest %s on one processor, %s on four", one, four)
	}
	if r.Figures.Rows < 100 || r.Figures.MultiDocument == 0 || r.Figures.Unanswerable == 0 {
		t.Errorf("%d rows, %d over several documents, %d unanswerable", r.Figures.Rows,
			r.Figures.MultiDocument, r.Figures.Unanswerable)
	}
}

// Documents with text of an evaluation set are dropped, and ids that are taken.
func TestDropsDocuments(t *testing.T) {
	texts := faketree.Texts()
	texts = append(texts, texts[0])
	index, err := decontaminate.NewIndex(decontaminate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	index.Add(decontaminate.Item{ID: "test:1", Texts: []string{texts[1].Content[:2000]}})
	o := textOptions(t, texts)
	o.Evaluation = index
	r := mustRun(t, o)
	if r.Manifest.Rejected["evaluation text"] != 1 || r.Manifest.Rejected["duplicate id"] != 1 {
		t.Errorf("rejected %v", r.Manifest.Rejected)
	}
	for row, err := range rowsOf(t, o.Out) {
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range row.DocIDs {
			if id == "jsonl:"+texts[1].ID {
				t.Fatalf("row %s is about an evaluation text", row.ID)
			}
		}
	}
}

// Material without a document is an error and no dataset.
func TestNoDocuments(t *testing.T) {
	o := textOptions(t, []faketree.Text{{ID: "a", Title: "A", Language: "en", Content: "Short."}})
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "no document") {
		t.Errorf("got %v, want that there is no document", err)
	}
	o.MaxDropped = limit.Share(0.1)
	_, err := Run(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), corpus.ReasonShort) {
		t.Errorf("got %v, want the reason of the dropped document", err)
	}
	if _, err := shard.Open(o.Out); err == nil {
		t.Error("something was published")
	}
}

// A renamed tree gives rows that the checker agrees with and that keep the splits of the documents.
func TestRename(t *testing.T) {
	o := fakeOptions(t)
	mustRun(t, o)
	splits := map[string]string{}
	for row, err := range rowsOf(t, o.Out) {
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range row.DocIDs {
			splits[d] = row.Split
		}
	}
	o.Out = filepath.Join(t.TempDir(), "renamed")
	o.Recipe.Material = []Material{{Material: corpus.Material{Source: Goroot}, Rename: "w"}}
	mustRun(t, o)
	mustAgree(t, o.Out)
	for row, err := range rowsOf(t, o.Out) {
		if err != nil {
			t.Fatal(err)
		}
		if row.Meta["renamed"] != "w" || row.Task == "summary" ||
			strings.Contains(row.Context, "OpenAnchor") {
			t.Fatalf("row %s of task %s is not renamed", row.ID, row.Task)
		}
		for _, d := range row.DocIDs {
			if s, ok := splits[d]; ok && s != row.Split {
				t.Errorf("%s is in %s, its original in %s", d, row.Split, s)
			}
		}
	}
}

func TestDuplicates(t *testing.T) {
	d := newDuplicates()
	ask := func(question string) offer {
		o := offer{task: "section"}
		o.Question, o.Answer = "Under which heading stands "+question, "It stands under “X”."
		return o
	}
	first := ask("“The quick brown fox jumps over the lazy dog and runs away from all of us today”")
	d.add(first, []string{"a", "b"})
	near := ask("“The quick brown fox jumps over the lazy dog and runs away from all of us now”")
	for _, c := range []struct {
		o    offer
		docs []string
		want bool
	}{
		{ask("“The dog lazy the over jumps fox brown quick and runs away from all of us today”"),
			[]string{"a"}, true},
		{first, []string{"b"}, true}, {near, []string{"a"}, true}, {first, []string{"c"}, false},
		{ask("“Another sentence that has nothing to do with foxes or dogs at all”"), []string{"a"},
			false},
	} {
		if got := d.has(c.o, c.docs); got != c.want {
			t.Errorf("%s about %v: duplicate %v, want %v", c.o.Question, c.docs, got, c.want)
		}
	}
}
