package source

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"longlora/schemas"
	"longlora/schemas/shard"
	"longlora/schemas/shard/shardtest"
)

// put writes files under a folder; a name that ends in a slash is a folder.
func put(t testing.TB, root string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// corpora makes a small corpus for each kind and returns the options that read it.
func corpora(t *testing.T) map[string]Options {
	root := t.TempDir()
	put(t, root, map[string]string{
		"text/b.txt": "second", "text/a/z.txt": "first", "text/c.txt": "third", "text/c.md": "no",
		"jsonl/a.jsonl": `{"text":"first","id":7}` + "\n\n" + `{"text":"second","title":"T"}` + "\n",
		"jsonl/b.jsonl": `{"text":"third","licence":"Apache-2.0"}`,
		"html/a.html":   "<html lang=en><title>A</title><body><nav>menu</nav><main><p>first</main>",
		"html/b.html":   "<p>second", "html/c.htm": "<h1>T</h1><p>third",
		"markdown/a.md": "---\ntitle: A\nlicence: CC0-1.0\n---\nfirst\n",
		"markdown/b.md": "# Second\n\nsecond\n", "markdown/c.markdown": "third",
		"pdf/a.pdf": pdfOf("first"), "pdf/b.pdf": pdfOf("second"), "pdf/d/c.pdf": pdfOf("third"),
		"go/VERSION": "go1.26.0\n", "go/src/go.mod": "module std\n\ngo 1.26\n",
		"go/src/a/a.go": "// Package a is.\npackage a\n", "go/src/b/b.go": "package b\n",
		"go/src/cmd/go.mod": "module cmd\n\ngo 1.26\n", "go/src/cmd/c/c.go": "package main\n",
	})
	writeParquet(t, filepath.Join(root, "parquet"), "first", "second", "third")
	put(t, root, map[string]string{
		"arrow/a.arrow": string(arrowOf(t, "first", "second", "third")), "gomod/go.sum": sumOf(t),
	})
	for _, name := range []string{"git/a", "git/b/c", "git/d.git"} {
		commit(t, filepath.Join(root, filepath.FromSlash(name)), map[string]string{"x.py": name})
	}
	common := Options{Licence: "MIT", Fields: DefaultFields()}
	path := func(name string) Options {
		o := common
		o.Path = filepath.Join(root, name)
		return o
	}
	tree := common
	tree.Goroot = filepath.Join(root, "go")
	return map[string]Options{
		"text": path("text"), "jsonl": path("jsonl"), "parquet": path("parquet"), "goroot": tree,
		"arrow": path("arrow"), "gomod": path("gomod"), "pdf": path("pdf"), "html": path("html"),
		"markdown": path("markdown"), "git": path("git"),
	}
}

// sumOf is a go.sum of three modules that these tests themselves are built with.
func sumOf(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../go.sum")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for line := range strings.Lines(string(data)) {
		for _, module := range []string{"pgregory.net/rapid", "github.com/google/go-cmp",
			"github.com/google/licensecheck"} {
			if strings.HasPrefix(line, module+" ") && !strings.Contains(line, "/go.mod ") {
				b.WriteString(line)
			}
		}
	}
	return b.String()
}

// pdfOf is a PDF file of one page with a line of text; PDFium makes up the missing table of objects.
func pdfOf(line string) string {
	content := "BT /F1 12 Tf 72 720 Td (" + line + ") Tj ET"
	return fmt.Sprintf("%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"+
		"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"+
		"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R"+
		"/Resources<</Font<</F1 5 0 R>>>>>>endobj\n4 0 obj<</Length %d>>stream\n%s\nendstream endobj\n"+
		"5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\ntrailer<</Root 1 0 R>>\n",
		len(content), content)
}

// writeParquet writes a dataset of our own, to be read as a foreign file.
func writeParquet(t *testing.T, dir string, texts ...string) {
	t.Helper()
	var files []shardtest.File[schemas.Document]
	for i, text := range texts {
		doc := schemas.Document{DocID: fmt.Sprint("row-", i), Text: text, Licence: "MIT"}
		doc.Seal()
		files = append(files, shardtest.File[schemas.Document]{
			Split: "train", Rows: []schemas.Document{doc},
		})
	}
	o := shard.Options{Kind: schemas.KindDocument, Name: "foreign"}
	shardtest.Write(t, dir, o, files...)
}

func open(t *testing.T, kind string, o Options) Source {
	t.Helper()
	k, err := Find(kind)
	if err != nil {
		t.Fatal(err)
	}
	s, err := k.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func units(t *testing.T, s Source) (all []Unit) {
	t.Helper()
	for u, err := range s.Units(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, u)
	}
	return all
}

func read(t *testing.T, s Source, u Unit) (all []Item) {
	t.Helper()
	for it, err := range s.Read(context.Background(), u) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, it)
	}
	return all
}

// TestContract holds every source of the table to what Source promises.
func TestContract(t *testing.T) {
	options := corpora(t)
	for _, k := range Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			o, ok := options[k.Name]
			if !ok {
				t.Fatal("the source has no corpus in this test")
			}
			s := open(t, k.Name, o)
			all := units(t, s)
			if again := units(t, open(t, k.Name, o)); !reflect.DeepEqual(all, again) {
				t.Errorf("units differ from run to run: %v, %v", all, again)
			}
			var items []Item
			for _, u := range all {
				items = append(items, read(t, s, u)...)
			}
			checkItems(t, k.Name, items)
			checkReread(t, open(t, k.Name, o), all, items)
			checkCancel(t, s, all[0])
			if data, err := json.Marshal(s.Config()); err != nil || strings.Contains(string(data), o.Path) &&
				o.Path != "" {
				t.Errorf("config %s names the path, or %v", data, err)
			}
		})
	}
}

func checkItems(t *testing.T, kind string, items []Item) {
	t.Helper()
	if len(items) != 3 {
		t.Errorf("%d items, want 3", len(items))
	}
	ids := map[string]bool{}
	for _, it := range items {
		if it.Reason != "" {
			t.Errorf("%s is rejected: %s %s", it.DocID, it.Reason, it.Detail)
		}
		if !strings.HasPrefix(it.DocID, kind+":") || ids[it.DocID] || it.Source != kind {
			t.Errorf("id %q, source %q", it.DocID, it.Source)
		}
		if it.Licence == "" || it.Language == "" || it.Text == "" || !utf8.ValidString(it.Text) {
			t.Errorf("incomplete document %+v", it.Document)
		}
		ids[it.DocID] = true
	}
}

// checkReread reads the units in reverse order, as another process would: from their JSON.
func checkReread(t *testing.T, s Source, all []Unit, want []Item) {
	t.Helper()
	var got []Item
	for _, u := range slices.Backward(all) {
		data, err := json.Marshal(u)
		if err != nil {
			t.Fatal(err)
		}
		var copied Unit
		if err := json.Unmarshal(data, &copied); err != nil {
			t.Fatal(err)
		}
		got = append(read(t, s, copied), got...)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("units read in another order give %v, want %v", got, want)
	}
}

func checkCancel(t *testing.T, s Source, u Unit) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, err := range s.Read(ctx, u) {
		if err != nil {
			return
		}
	}
	t.Error("a cancelled read ends without an error")
}

// TestSuffixes holds that a file in a folder belongs to one kind.
func TestSuffixes(t *testing.T) {
	owner := map[string]string{}
	for _, k := range Kinds() {
		for _, s := range k.Suffixes {
			if owner[s] != "" {
				t.Errorf("%s belongs to %s and %s", s, owner[s], k.Name)
			}
			owner[s] = k.Name
		}
	}
	root := t.TempDir()
	put(t, root, map[string]string{"a.md": "", "b.md": "", "c.rst": "", "d.jsonl.gz": ""})
	var got error
	for _, err := range open(t, "text", Options{Path: root, Licence: "MIT"}).Units(context.Background()) {
		got = err
	}
	if want := " holds no files that end in .txt; --source jsonl reads 1 of its files; " +
		"--source markdown reads 2 of its files"; got == nil || !strings.HasSuffix(got.Error(), want) {
		t.Errorf("got %v, want %q", got, want)
	}
}

func TestValidateChoices(t *testing.T) {
	for _, c := range []struct {
		kind string
		o    Options
		want string
	}{
		{"text", Options{Encoding: "klingon"}, `encoding "klingon" is unknown`},
		{"parquet", Options{Encoding: "latin1"}, "source parquet finds the encoding itself"},
		{"git", Options{Per: "line"}, `source git makes no document per "line"; there are repository, directory`},
		{"html", Options{Per: "page"}, `source html makes no document per "page"`},
	} {
		k, err := Find(c.kind)
		if err != nil {
			t.Fatal(err)
		}
		c.o.Path, c.o.Licence = "x", "MIT"
		if err := k.Validate(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.kind, err, c.want)
		}
	}
}

func TestValidate(t *testing.T) {
	text, err := Find("text")
	if err != nil {
		t.Fatal(err)
	}
	if err := text.Validate(Options{Path: "x"}); err == nil || !strings.Contains(err.Error(), "licence") {
		t.Errorf("without a licence: %v", err)
	}
	for licence, want := range map[string]bool{
		"MIT": true, "Apache-2.0 WITH LLVM-exception": true, "(MIT OR BSD-3-Clause) AND CC-BY-4.0": true,
		"LicenseRef-own": true, "free for all": false, "MIT OR": false, "©": false,
	} {
		if got := text.Validate(Options{Path: "x", Licence: licence}) == nil; got != want {
			t.Errorf("licence %q: accepted %v, want %v", licence, got, want)
		}
	}
	if _, err := Find("word"); err == nil || !strings.Contains(err.Error(), "text, jsonl") {
		t.Errorf("unknown source: %v", err)
	}
}
