package material

import (
	"fmt"
	"strings"
	"testing"

	"longlora/longqa/dice"
)

// document has parts with pieces of given lengths; a token is a byte.
func document(id string, parts ...[]int) *Document {
	d := &Document{
		ID: id, Name: id, Genre: "code", Heading: "== " + id + "\n", Related: map[string]bool{},
	}
	for i, lengths := range parts {
		p := &Part{Name: fmt.Sprint(i), Heading: fmt.Sprintf("= %d\n", i)}
		for k, n := range lengths {
			text := strings.Repeat(string(rune('a'+k%26)), n-1) + "\n"
			p.Pieces = append(p.Pieces, &Piece{
				Document: d, Part: p, Index: k, Start: len(p.Source), End: len(p.Source) + n, Tokens: n,
			})
			p.Source += text
		}
		d.Parts = append(d.Parts, p)
	}
	return d
}

func TestRender(t *testing.T) {
	d := document("x", []int{3, 4}, []int{2, 5})
	d.Parts[1].Source = "é\nüöä" // bytes are not code points, and no newline ends it
	d.Parts[1].Pieces[0].End, d.Parts[1].Pieces[1].Start, d.Parts[1].Pieces[1].End = 3, 3, 9
	v := NewView("v", []Kept{{d, []*Piece{
		d.Parts[0].Pieces[0], d.Parts[1].Pieces[0], d.Parts[1].Pieces[1],
	}}})
	o := Range{d.Parts[1].Pieces[1], 5, 7} // ö
	r := v.Render([]Range{{d.Parts[0].Pieces[0], 0, 1}})
	want := "== x\n= 0\na\n= 1\né\nüöä\n"
	if r.Text != want || r.Chars != int64(len([]rune(want))) {
		t.Fatalf("got %q of %d characters, want %q", r.Text, r.Chars, want)
	}
	span, err := r.Span(o)
	if got := string([]rune(r.Text)[span.Start:span.End]); err != nil || got != "ö" {
		t.Errorf("got %q, %v, want ö", got, err)
	}
	for _, gone := range []Range{{d.Parts[0].Pieces[0], 0, 1}, {d.Parts[0].Pieces[1], 3, 4}} {
		if span, err := r.Span(gone); err == nil {
			t.Errorf("a range that is not in the text is at %v", span)
		}
	}
	heads := r.Headings(d.Parts[1], d, true)
	for i, want := range []string{"= 1", "== x"} {
		if got := string([]rune(r.Text)[heads[i].Start:heads[i].End]); got != want {
			t.Errorf("heading %q, want %q", got, want)
		}
	}
	if whole := Whole(d); whole.Tokens() != d.Tokens() || !whole.Has(d.Parts[0].Pieces[1]) ||
		v.Has(d.Parts[0].Pieces[1]) {
		t.Error("a view has pieces that it should not, or not those that it should")
	}
}

// Views lie within their band, keep whole pieces with the first of each part, and spend no document
// more than allowed.
func TestComposer(t *testing.T) {
	d := dice.New("documents")
	var docs []*Document
	for i := range 40 {
		var parts [][]int
		for range 1 + d.Int(4) {
			var pieces []int
			for range 2 + d.Int(30) {
				pieces = append(pieces, 2+d.Int(60))
			}
			parts = append(parts, pieces)
		}
		docs = append(docs, document(fmt.Sprint("d", i), parts...))
	}
	const rows, each = 25, 5
	c := NewComposer("test", docs, rows)
	used, made := map[*Document]int{}, 0
	for _, b := range []Band{{4000, 8000}, {1000, 2000}, {400, 800}} {
		for range 60 {
			v := c.Next(b, each)
			if v == nil {
				continue
			}
			made++
			c.Spend(v, each)
			if n := v.Tokens(); n < b.From || n >= b.To {
				t.Errorf("%s: %d tokens", b, n)
			}
			names := map[string]bool{}
			for _, k := range v.Docs {
				used[k.Document] += each
				if names[k.Document.Name] {
					t.Errorf("%s is twice in a view", k.Document.Name)
				}
				names[k.Document.Name] = true
				for _, p := range k.Pieces {
					if !v.Has(p.Part.Pieces[0]) {
						t.Errorf("a part is kept without its first piece")
					}
				}
			}
		}
	}
	if made < 30 {
		t.Errorf("%d views, want at least 30", made)
	}
	for doc, n := range used {
		if n > rows {
			t.Errorf("%s has %d questions, want at most %d", doc.ID, n, rows)
		}
	}
}

// Of a section that is longer than a band, views have runs of whole pieces from any place, and say
// so; of shorter sections they have whole ones.
func TestExcerpts(t *testing.T) {
	long := make([]int, 120)
	for i := range long {
		long[i] = 50
	}
	d := document("x", append(long, 300, 30, 300))
	d.Sections, d.Genre = []int{0, 120}, "book"
	c := NewComposer("test", []*Document{d}, 1000)
	seen := map[string]int{}
	var ends bool
	for range 3000 {
		v := c.Next(Band{500, 1000}, 1)
		if v == nil {
			continue
		}
		pieces := v.Docs[0].Pieces
		for i, p := range pieces {
			if p.Index != pieces[0].Index+i {
				t.Fatalf("a gap before piece %d", p.Index)
			}
		}
		first, last := pieces[0].Index, pieces[len(pieces)-1].Index
		want := map[[2]bool]string{
			{false, true}: "ends within a section", {true, false}: "begins within a section",
			{true, true}: "begins and ends within a section",
		}[[2]bool{first != 0 && first != 120, last != 119 && last != 122}]
		if got := v.Excerpt(); got != want {
			t.Errorf("pieces %d to %d: %q, want %q", first, last, got, want)
		}
		seen[v.Excerpt()]++
		ends = ends || last == 119
	}
	if seen[""] == 0 || seen["ends within a section"] == 0 ||
		seen["begins and ends within a section"] == 0 ||
		!ends {
		t.Errorf("views %v; some reach the long section's end: %v", seen, ends)
	}
	p := d.Parts[0].Pieces[1]
	if !Plantable(p) || Plantable(d.Parts[0].Pieces[0]) {
		t.Error("something may be planted between pieces, and not before the first")
	}
	d.Parts[0].Source = d.Parts[0].Source[:p.Start-1] + " " + d.Parts[0].Source[p.Start:]
	if Plantable(p) {
		t.Error("something may be planted within a line")
	}
}
