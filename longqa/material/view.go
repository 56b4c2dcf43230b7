package material

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"longlora/schemas"
)

// View is a choice of pieces of one or more documents.
type View struct {
	ID   string
	Docs []Kept
	kept map[*Piece]bool // made when first asked for
}

// Kept is what a view keeps of a document.
type Kept struct {
	Document *Document
	Pieces   []*Piece // in the document's order
}

// NewView returns the view of some documents' pieces, given in the documents' order.
func NewView(id string, docs []Kept) *View { return &View{ID: id, Docs: docs} }

// Whole is the view of one whole document.
func Whole(d *Document) *View {
	k := Kept{Document: d}
	for _, p := range d.Parts {
		k.Pieces = append(k.Pieces, p.Pieces...)
	}
	return NewView(d.ID, []Kept{k})
}

// Has reports whether a piece is kept. It must not be called concurrently.
func (v *View) Has(p *Piece) bool {
	if v.kept == nil {
		v.kept = map[*Piece]bool{}
		for _, q := range v.Pieces() {
			v.kept[q] = true
		}
	}
	return v.kept[p]
}

// Plantable reports whether views may plant something before a piece: it is not the first of its
// part, nor does it go on with a line.
func Plantable(p *Piece) bool { return p.Index > 0 && p.Part.Source[p.Start-1] == '\n' }

// Excerpt says how a view's documents begin and end if not at the ends of their sections; "" if
// they do.
func (v *View) Excerpt() string {
	begins, ends := false, false
	for _, k := range v.Docs {
		b, e := k.within()
		begins, ends = begins || b, ends || e
	}
	switch {
	case begins && ends:
		return "begins and ends within a section"
	case begins:
		return "begins within a section"
	case ends:
		return "ends within a section"
	}
	return ""
}

// within reports whether what is kept of a document with sections begins and ends within one.
func (k Kept) within() (begins, ends bool) {
	if k.Document.Sections == nil || len(k.Pieces) == 0 {
		return false, false
	}
	after := k.Pieces[len(k.Pieces)-1].Index + 1
	ends = after < len(k.Document.Parts[0].Pieces) && !slices.Contains(k.Document.Sections, after)
	return !slices.Contains(k.Document.Sections, k.Pieces[0].Index), ends
}

// DocIDs are the ids of the view's documents, in its order.
func (v *View) DocIDs() []string {
	ids := make([]string, len(v.Docs))
	for i, k := range v.Docs {
		ids[i] = k.Document.ID
	}
	return ids
}

// Pieces are the kept pieces of all documents, in the view's order.
func (v *View) Pieces() []*Piece {
	var all []*Piece
	for _, d := range v.Docs {
		all = append(all, d.Pieces...)
	}
	return all
}

// Tokens is the sum over the kept pieces.
func (v *View) Tokens() int {
	n := 0
	for _, d := range v.Docs {
		for _, p := range d.Pieces {
			n += p.Tokens
		}
	}
	return n
}

// Rendered is a view as a text.
type Rendered struct {
	Text   string
	Chars  int64 // code points
	blocks map[*Piece][]block
	heads  map[any]schemas.Span // of documents and parts
}

// block is a run of a piece's source that stands in the text.
type block struct {
	start, end int   // of the part's source
	char       int64 // where it begins, in code points
}

// Render writes the view without the removed ranges and with the planted pieces. Of those before
// one piece the order is kept.
func (v *View) Render(removed []Range, planted ...*Piece) *Rendered {
	before := map[*Piece][]*Piece{}
	for _, p := range planted {
		before[p.Before] = append(before[p.Before], p)
	}
	gaps := map[*Piece][]Range{}
	for _, r := range removed {
		gaps[r.Piece] = append(gaps[r.Piece], r)
	}
	w := &writer{out: &Rendered{blocks: map[*Piece][]block{}, heads: map[any]schemas.Span{}}}
	for _, d := range v.Docs {
		w.head(d.Document, d.Document.Heading)
		var part *Part
		for _, p := range d.Pieces {
			if p.Part != part {
				part = p.Part
				w.endLine()
				w.head(part, part.Heading)
			}
			for _, q := range before[p] {
				w.endLine()
				w.piece(q, nil)
			}
			w.piece(p, gaps[p])
		}
		w.endLine()
	}
	w.out.Text, w.out.Chars = w.b.String(), w.chars
	return w.out
}

type writer struct {
	b     strings.Builder
	chars int64
	out   *Rendered
}

func (w *writer) write(s string) {
	w.b.WriteString(s)
	w.chars += int64(utf8.RuneCountInString(s))
}

// head writes the heading of a document or part.
func (w *writer) head(of any, heading string) {
	from := w.chars
	w.write(heading)
	if line := strings.TrimRight(heading, "\n"); line != "" {
		w.out.heads[of] = schemas.Span{
			Start: from, End: from + int64(utf8.RuneCountInString(line)),
		}
	}
}

// endLine begins a new line unless one begins here.
func (w *writer) endLine() {
	if s := w.b.String(); s != "" && s[len(s)-1] != '\n' {
		w.write("\n")
	}
}

func (w *writer) piece(p *Piece, gaps []Range) {
	sort.Slice(gaps, func(i, j int) bool { return gaps[i].Start < gaps[j].Start })
	at := p.Start
	for _, g := range append(slices.Clip(gaps), Range{p, p.End, p.End}) {
		if g.Start > at {
			w.out.blocks[p] = append(w.out.blocks[p], block{at, g.Start, w.chars})
			w.write(p.Part.Source[at:g.Start])
		}
		at = max(at, g.End)
	}
}

// Span returns where a range stands in the text.
func (r *Rendered) Span(at Range) (schemas.Span, error) {
	for _, b := range r.blocks[at.Piece] {
		if at.Start >= b.start && at.End <= b.end {
			source := at.Piece.Part.Source
			from := b.char + int64(utf8.RuneCountInString(source[b.start:at.Start]))
			return schemas.Span{
				Start: from, End: from + int64(utf8.RuneCountInString(source[at.Start:at.End])),
			}, nil
		}
	}
	return schemas.Span{}, fmt.Errorf("bytes %d to %d of %s in %s are not in the context",
		at.Start, at.End, at.Piece.Part.Name, at.Piece.Document.ID)
}

// Headings returns where the heading of a part stands in the text, and its document's too if there
// are several.
func (r *Rendered) Headings(of *Part, document *Document, several bool) []schemas.Span {
	spans := []schemas.Span{r.heads[of]}
	if several {
		spans = append(spans, r.heads[document])
	}
	return spans
}

// Title returns where the heading of a document stands in the text, if it has one.
func (r *Rendered) Title(of *Document) []schemas.Span {
	if s, ok := r.heads[of]; ok {
		return []schemas.Span{s}
	}
	return nil
}
