package corpus

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"longlora/internal/store"
	"longlora/longqa/faketree"
)

func collect(t *testing.T, m Material) []Item {
	t.Helper()
	c, err := Open(t.Context(), m, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var all []Item
	for it, err := range c.Items(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, it)
	}
	return all
}

// What cannot be asked about has a reason that says why.
func TestJudge(t *testing.T) {
	dir := t.TempDir()
	long := strings.Repeat("A plain sentence of a document. ", 40)
	for name, content := range map[string]string{
		"good.txt": long, "empty.txt": " \n", "binary.txt": strings.Repeat("ab\x00\x00", 400),
		"short.txt": "Too short.", "latin1.txt": long + "\xe9",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{
		"text:good.txt": "", "text:empty.txt": ReasonEmpty, "text:binary.txt": ReasonBinary,
		"text:short.txt": ReasonShort, "text:latin1.txt": "undecodable",
	}
	got := collect(t, Material{Source: "text", Path: dir, Licence: "MIT", Language: "de"})
	for _, it := range got {
		if reason, ok := want[it.DocID]; !ok || it.Reason != reason || reason != "" && it.Detail == "" {
			t.Errorf("%s: reason %q (%s), want %q", it.DocID, it.Reason, it.Detail, reason)
		}
		if it.Reason == "" && (it.Language != "de" || it.Licence != "MIT" || it.Title == "") {
			t.Errorf("%s: language %q, licence %q, title %q", it.DocID, it.Language, it.Licence, it.Title)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d items, want %d", len(got), len(want))
	}
	latin := Material{Source: "text", Path: dir, Licence: "MIT", Encoding: "windows-1252"}
	for _, it := range collect(t, latin) {
		if it.DocID == "text:latin1.txt" && (it.Reason != "" || !strings.HasSuffix(it.Text, "é")) {
			t.Errorf("read as windows-1252: reason %q (%s)", it.Reason, it.Detail)
		}
	}
	if _, err := Open(t.Context(), Material{Source: "pdf", Path: dir, Encoding: "x"},
		store.Options{}); err == nil {
		t.Error("a source of PDF files takes an encoding")
	}
}

func TestGenre(t *testing.T) {
	want := map[string]string{"novel": "book", "minutes": "meeting", "paper": "paper", "story": "text"}
	path := faketree.WriteTexts(t, faketree.Texts())
	c, err := Open(t.Context(), Material{Source: "jsonl", Path: path}, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for it, err := range c.Items(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := strings.Cut(strings.TrimPrefix(it.DocID, "jsonl:"), "-")
		if got := c.Parse(&it.Document).Document.Genre; got != want[kind] {
			t.Errorf("%s is a %s, want %s", it.DocID, got, want[kind])
		}
	}
}

// A spill gives the kept items again, in order, as often as asked.
func TestSpill(t *testing.T) {
	path := faketree.WriteTexts(t, faketree.Texts()[:6])
	c, err := Open(t.Context(), Material{Source: "jsonl", Path: path}, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	s, err := c.Spilled(t.Context(), t.TempDir(),
		func(*Item) (bool, error) { n++; return n%2 == 1, nil })
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var ids []string
		for it, err := range s.Items(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, it.DocID)
		}
		if got := strings.Join(ids, " "); got != "jsonl:novel-en-0 jsonl:novel-de-2 jsonl:novel-fr-4" {
			t.Errorf("kept %s", got)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		m    Material
		want string
	}{
		{Material{Source: "books"}, "unknown"}, {Material{Source: "text", Path: t.TempDir()}, "licence"},
		{Material{Source: Documents, Path: t.TempDir()}, "manifest.json"},
	} {
		if _, err := Open(t.Context(), c.m, store.Options{}); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q in it", c.m, err, c.want)
		}
	}
}
