package tokenizer

import "unicode/utf8"

// piece is a part of the input on its way to the model.
type piece struct {
	text  string
	spans []Offset // of the input, for each byte of text; nil if offsets are not asked for
	first bool     // it begins where the input begins
}

func (p piece) slice(i, j int) piece {
	q := piece{text: p.text[i:j], first: p.first && i == 0}
	if p.spans != nil {
		q.spans = p.spans[i:j]
	}
	return q
}

// trackedPiece is a piece of the input itself, which begins base bytes into it. Every byte of a
// character stands for the whole character.
func trackedPiece(text string, base int) piece {
	p := piece{text: text, spans: make([]Offset, len(text)), first: base == 0}
	for i := 0; i < len(text); {
		_, n := utf8.DecodeRuneInString(text[i:])
		for k := i; k < i+n; k++ {
			p.spans[k] = Offset{base + i, base + i + n}
		}
		i += n
	}
	return p
}

// edit writes a changed piece from left to right.
type edit struct {
	in     piece
	out    []byte
	spans  []Offset
	done   int // bytes of in that are kept or replaced
	origin int // in in, of the first byte written
}

func newEdit(p piece) *edit {
	return &edit{in: p, out: make([]byte, 0, len(p.text)+len(p.text)/8+8)}
}

// keep copies the input up to a position.
func (e *edit) keep(to int) {
	if len(e.out) == 0 {
		e.origin = e.done
	}
	e.out = append(e.out, e.in.text[e.done:to]...)
	if e.in.spans != nil {
		e.spans = append(e.spans, e.in.spans[e.done:to]...)
	}
	e.done = to
}

// skip leaves the input up to a position out.
func (e *edit) skip(to int) { e.done = to }

// put writes s, which stands for in.text[from:to]. The input's position stays.
func (e *edit) put(s string, from, to int) {
	if len(e.out) == 0 {
		e.origin = from
	}
	e.out = append(e.out, s...)
	e.mark(len(s), from, to)
}

// mark gives the last n bytes written the range of in.text[from:to].
func (e *edit) mark(n, from, to int) {
	if e.in.spans == nil {
		return
	}
	span := Offset{e.in.spans[from].Start, e.in.spans[to-1].End}
	for range n {
		e.spans = append(e.spans, span)
	}
}

// finish copies the rest of the input and returns the result.
func (e *edit) finish() piece {
	e.keep(len(e.in.text))
	return piece{text: string(e.out), spans: e.spans, first: e.in.first && e.origin == 0}
}

// span returns the range of the input that text[i:j] came from.
func (p piece) span(i, j int) Offset {
	if p.spans == nil || i >= j {
		return Offset{}
	}
	return Offset{p.spans[i].Start, p.spans[j-1].End}
}

// printedBytes returns the bytes that a piece's printable characters stand for.
func printedBytes(p piece) piece {
	out := piece{first: p.first}
	raw := make([]byte, 0, len(p.text))
	for i, r := range p.text {
		raw = append(raw, toByte[r])
		if p.spans != nil {
			out.spans = append(out.spans, p.spans[i])
		}
	}
	out.text = string(raw)
	return out
}
