package material

// Document is a source of contexts.
type Document struct {
	ID, Title string
	Genre     string // as in schemas.Example
	Licence   string // SPDX
	// Name must be unique among the documents of a view: questions name things by it.
	Name string
	// Heading is written before the document's parts.
	Heading string
	Parts   []*Part
	// Join names the documents that may stand beside it: those with the same, if it is not empty.
	Join string
	// Sections are the indices, in the only part's pieces, at which sections begin; nil for code. A
	// view keeps whole sections, or a run of one section's pieces.
	Sections []int
	// Related are the ids of documents that belong with it, as those it imports.
	Related map[string]bool
}

// Text is the whole document, as its parts' headings and sources.
func (d *Document) Text() string { return Whole(d).Render(nil).Text }

// Tokens is the sum over the pieces.
func (d *Document) Tokens() int {
	n := 0
	for _, p := range d.Parts {
		n += p.Tokens()
	}
	return n
}

// Part is a contiguous source within a document.
type Part struct {
	Name string
	// Heading is written before the part's pieces.
	Heading string
	Source  string
	// Pieces cover Source without gaps. A view that keeps some keeps the first too.
	Pieces []*Piece
}

// Tokens is the sum over the pieces.
func (p *Part) Tokens() int {
	n := 0
	for _, piece := range p.Pieces {
		n += piece.Tokens
	}
	return n
}

// Piece is kept or left out as a whole.
type Piece struct {
	Document   *Document
	Part       *Part
	Index      int // in Part.Pieces
	Start, End int // bytes of Part.Source, half-open
	// Tokens is the piece's length by itself; a context's is near the sum.
	Tokens int
	// Before is nil but for a planted piece: one that is no part of its document, and stands before
	// that piece of the view.
	Before *Piece
}

// Text is the piece's source.
func (p *Piece) Text() string { return p.Part.Source[p.Start:p.End] }

// Range is a half-open range of bytes of a part's source, within one piece.
type Range struct {
	Piece      *Piece
	Start, End int
}

// Text is the range's source.
func (r Range) Text() string { return r.Piece.Part.Source[r.Start:r.End] }

// Plant returns a piece of its own with a text, which stands before another of a view. That must
// not be the first of its part.
func Plant(before *Piece, text string) *Piece {
	part := &Part{Name: before.Part.Name, Source: text}
	p := &Piece{Document: before.Document, Part: part, End: len(text), Before: before}
	part.Pieces = []*Piece{p}
	return p
}

// All is the range of a whole piece.
func (p *Piece) All() Range { return Range{p, p.Start, p.End} }
