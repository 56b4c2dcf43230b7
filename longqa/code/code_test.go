package code

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"longlora/longqa/faketree"
	"longlora/pipeline/goroot"
)

func loadFake(t *testing.T) *Program {
	t.Helper()
	tree, err := goroot.Open(faketree.Write(t), goroot.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := Load(t.Context(), tree, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Broken) > 0 {
		t.Fatalf("packages that do not type-check: %v", p.Broken)
	}
	return p
}

// Pieces cover every source without gaps, and every declaration lies within its piece.
func TestPieces(t *testing.T) {
	for _, p := range loadFake(t).Packages {
		for _, part := range p.Document.Parts {
			at := 0
			for i, piece := range part.Pieces {
				if piece.Start != at || piece.Index != i || piece.Part != part {
					t.Fatalf("%s %s: piece %d begins at %d, want %d", p.Path, part.Name, i, piece.Start, at)
				}
				at = piece.End
			}
			if at != len(part.Source) {
				t.Errorf("%s %s: pieces end at %d of %d", p.Path, part.Name, at, len(part.Source))
			}
		}
		for _, s := range p.Symbols {
			if s.Range.Start < s.Piece.Start || s.Range.End > s.Piece.End ||
				!strings.Contains(s.Range.Text(), s.Name) {
				t.Errorf("%s: range %q", s.Key(), s.Range.Text())
			}
			if s.Doc != nil && strings.Contains(s.Range.Text(), s.Doc.Range.Text()) {
				t.Errorf("%s: its comment is part of it", s.Key())
			}
		}
	}
}

func TestFacts(t *testing.T) {
	p := loadFake(t)
	fill := p.Symbol("anchor.AnchorStore.FillAnchor")
	if fill == nil {
		t.Fatal("anchor.AnchorStore.FillAnchor is missing")
	}
	var got []string
	for _, c := range fill.Callees {
		got = append(got, "calls "+c.Callee+" in "+strings.TrimSpace(c.Range.Text()))
	}
	for _, r := range fill.Returns {
		got = append(got, "returns "+r.Name+"|"+r.Written+"|"+r.Text)
	}
	for _, f := range p.Symbol("anchor.AnchorStore").Fields {
		got = append(got, "field "+f.Name+" "+f.Type)
	}
	open := p.Symbol("anchor.OpenAnchor")
	for _, c := range open.Callees {
		got = append(got, "calls "+c.Callee)
	}
	got = append(got, fill.Signature, fmt.Sprint(fill.Params, fill.Results, fill.Exported()),
		p.Symbol("anchor.ErrAnchor").Message, open.Doc.Text[:10],
		strings.Join(p.Symbol("anchor.AnchorKeeper").Methods, " "))
	want := []string{
		`calls fmt.Errorf in return fmt.Errorf("anchor: %d is negative", n)`,
		"calls anchor.measureAnchor in s.count += measureAnchor(n, 1)",
		"returns ||anchor: %d is negative", "returns anchor.ErrAnchor|ErrAnchor|",
		"field name string", "field count int", "field limit int",
		"calls anchor.scaleAnchor", "calls basket.OpenBasket",
		"func (s *AnchorStore) FillAnchor(n int) error", "1 1 true", "anchor: closed", "OpenAnchor",
		"FillAnchor CountAnchor",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("facts (-want +got):\n%s", d)
	}
}

func TestConstants(t *testing.T) {
	p := loadFake(t)
	for _, c := range []struct {
		name, text, expr string
		own, plain       bool
	}{
		{"smallAnchor", "1", "1 << iota", true, true},
		{"largeAnchor", "4", "1 << iota", false, true},
		{"limitAnchor", "300", "3 * 100", true, true},
	} {
		v := p.Symbol("anchor." + c.name).Value
		if v.Text != c.text || v.Expr != c.expr || v.Own != c.own || v.Plain != c.plain {
			t.Errorf("%s is %+v, want %+v", c.name, *v, c)
		}
		if !strings.Contains(v.Range.Text(), c.expr) || !strings.Contains(v.Range.Text(), c.name) {
			t.Errorf("%s: range %q", c.name, v.Range.Text())
		}
	}
}

// A package that does not type-check is named and left out; the others stay.
func TestBrokenPackage(t *testing.T) {
	root := faketree.Write(t)
	faketree.Add(t, root, "src/broken/b.go", "package broken\n\nvar x int = \"text\"\n")
	tree, err := goroot.Open(root, goroot.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := Load(t.Context(), tree, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(p.Broken["broken"], "b.go:3") || p.Symbol("broken.x") != nil {
		t.Errorf("broken packages are %v", p.Broken)
	}
	if p.Symbol("anchor.OpenAnchor") == nil {
		t.Error("a sound package is missing")
	}
}

func TestLoadRefuses(t *testing.T) {
	for _, c := range []struct{ path, content, want string }{
		{"src/bad/b.go", "package bad\n\nfunc {\n", "expected"},
		{"src/bad/b.go", "package bad\n\nimport _ \"not/there\"\n", "not/there"},
	} {
		root := faketree.Write(t)
		faketree.Add(t, root, c.path, c.content)
		tree, err := goroot.Open(root, goroot.Options{})
		if err == nil {
			_, err = Load(t.Context(), tree, nil)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q in it", err, c.want)
		}
	}
}
