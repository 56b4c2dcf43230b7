package code

import (
	"strings"
	"testing"

	"longlora/longqa/faketree"
	"longlora/pipeline/goroot"
)

func openFake(t *testing.T, files map[string]string) *goroot.Tree {
	t.Helper()
	root := faketree.Write(t)
	for name, content := range files {
		faketree.Add(t, root, name, content)
	}
	tree, err := goroot.Open(root, goroot.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

const trickyFile = `// Package tricky has Names of every kind.
package tricky

import "errors"

// ReadFull is a TextReader's friend; it calls loadAll() and errors.New.
func ReadFull(errors2 int, len string) (total int, err error) {
	bytes := loadAll(errors2)
outerLoop:
	for index := range bytes {
		if index > 3 {
			break outerLoop
		}
		total += index
	}
	switch concrete := any(total).(type) {
	case int:
		total += concrete
	}
	return total + copy([]int{1}, bytes), errors.New("ReadFull failed")
}

func loadAll(amount int) []int { return make([]int, amount) }

type TextReader struct {
	Embedded
	error
	fieldName int
}

type Embedded struct{ InnerName int }

func (t TextReader) Error() string { return t.error.Error() }

func (t *TextReader) Grow() int { return t.InnerName + t.fieldName + t.Embedded.InnerName }

type Grower interface{ Grow() int }

var _ Grower = &TextReader{fieldName: 1, Embedded: Embedded{InnerName: 2}}

func generic[Element any](list []Element, apply func(Element) Element) (out []Element) {
	for _, item := range list {
		out = append(out, apply(item))
	}
	return out
}
`

// The renamed code type-checks, has the same facts under other names, and none of the old names.
func TestRenamed(t *testing.T) {
	tree := openFake(t, map[string]string{"src/tricky/tricky.go": trickyFile})
	renamed, err := Renamed(t.Context(), tree, nil, "word")
	if err != nil {
		t.Fatal(err)
	}
	before, err := Load(t.Context(), tree, nil)
	if err != nil {
		t.Fatal(err)
	}
	after, err := Load(t.Context(), renamed, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(after.Broken) > 0 || len(after.Packages) != len(before.Packages) {
		t.Fatalf("%d of %d packages, broken: %v", len(after.Packages), len(before.Packages), after.Broken)
	}
	for i, p := range before.Packages {
		q := after.Packages[i]
		if p.Path != q.Path || len(p.Symbols) != len(q.Symbols) {
			t.Fatalf("%s has %d symbols, want %d", q.Path, len(q.Symbols), len(p.Symbols))
		}
		for j, s := range p.Symbols {
			r := q.Symbols[j]
			if s.Kind != r.Kind || s.Exported() != r.Exported() || len(s.Callees) != len(r.Callees) ||
				len(s.Returns) != len(r.Returns) || len(s.Fields) != len(r.Fields) || s.Message != r.Message {
				t.Errorf("%s became %s, of another kind or with other facts", s.Key(), r.Key())
			}
			if s.Name == r.Name && s.Name != "New" && s.Name != "Errorf" && s.Name != "Error" {
				t.Errorf("%s kept its name", s.Key())
			}
		}
	}
	var source string
	for _, p := range after.Packages {
		if p.Path == "tricky" {
			source = p.Document.Text()
		}
	}
	for _, old := range []string{"loadAll", "TextReader", "fieldName", "InnerName", "Embedded",
		"outerLoop",
		"concrete", "Element", "errors2", "total", "index", "Grow", "amount"} {
		if strings.Contains(source, old) {
			t.Errorf("%s is left in\n%s", old, source)
		}
	}
	for _, stays := range []string{
		"errors.New", "len string", "error", "\"ReadFull failed\"", "copy(", "any(",
	} {
		if !strings.Contains(source, stays) {
			t.Errorf("%s is gone from\n%s", stays, source)
		}
	}
}

// What is drawn depends on the word alone.
func TestRenamedByWord(t *testing.T) {
	text := func(word string) string {
		renamed, err := Renamed(t.Context(), openFake(t, nil), nil, word)
		if err != nil {
			t.Fatal(err)
		}
		return renamed.Packages()[0].Text()
	}
	first, again := text("a"), text("a")
	if first != again {
		t.Error("the same word gives other names")
	}
	if first == text("b") {
		t.Error("two words give the same names")
	}
}

func TestNameParts(t *testing.T) {
	for name, want := range map[string]string{
		"ReadFull": "Read|Full", "HTTPServer2x": "HTTP|Server|2|x", "_under_score": "_|under|_|score",
		"x": "x", "IDs": "I|Ds", "größeA": "größe|A",
	} {
		if got := strings.Join(nameParts(name), "|"); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
