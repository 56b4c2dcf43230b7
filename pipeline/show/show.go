// Package show writes a sequence for people to read: its documents' texts, and which tokens are
// targets.
package show

import (
	"fmt"
	"io"
	"strings"

	"longlora/internal/tokenizer"
	"longlora/schemas"
)

// Options say how.
type Options struct {
	// Colour uses the terminal's colours: a colour for each document in turn, bright where tokens are
	// targets and dim elsewhere. Without it, ⟦ and ⟧ stand around what is no target.
	Colour bool
}

const (
	reset = "\x1b[0m"
	dim   = "2;"
	title = "\x1b[1m"
)

// hues are taken in turn by documents, so that neighbours differ.
var hues = [...]string{"32", "36", "33", "35"}

// Sequence writes s as text of t.
func Sequence(w io.Writer, t *tokenizer.Tokenizer, s *schemas.Sequence, o Options) error {
	p := &printer{w: w, t: t, s: s, o: o, targets: targets(s)}
	at := int32(0)
	for doc, n := range s.DocLens {
		p.document(doc, at, at+n)
		at += n
	}
	return p.err
}

// targets marks the tokens in loss spans.
func targets(s *schemas.Sequence) []bool {
	out := make([]bool, len(s.InputIDs))
	for _, span := range s.LossSpans {
		for t := span.Start; t < span.End; t++ {
			out[t] = true
		}
	}
	return out
}

type printer struct {
	w       io.Writer
	t       *tokenizer.Tokenizer
	s       *schemas.Sequence
	o       Options
	targets []bool
	err     error
}

func (p *printer) print(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

// document writes one document, tokens [from, to) of the sequence.
func (p *printer) document(doc int, from, to int32) {
	d := p.s.Docs[doc]
	scored := 0
	for _, target := range p.targets[from:to] {
		if target {
			scored++
		}
	}
	head := fmt.Sprintf("── document %d of %d: %s · %s · %s · its tokens [%d, %d) · %d targets of %d · "+
		"weight %g", doc+1, len(p.s.Docs), d.SampleID, d.Source, d.Licence, d.Start, d.End, scored, to-from,
		p.s.LossWeights[doc])
	if p.o.Colour {
		head = title + head + reset
	}
	p.print("%s\n", head)
	for from < to && p.err == nil {
		end := from + 1
		for end < to && p.targets[end] == p.targets[from] {
			end++
		}
		p.stretch(doc, from, end)
		from = end
	}
	p.print("\n")
}

// stretch writes tokens that are all targets, or none.
func (p *printer) stretch(doc int, from, to int32) {
	text, err := p.t.Decode(p.s.InputIDs[from:to], false)
	if err != nil {
		p.err = fmt.Errorf("show: tokens [%d, %d): %w", from, to, err)
		return
	}
	text = plain(text)
	switch {
	case p.o.Colour:
		code := hues[doc%len(hues)]
		if !p.targets[from] {
			code = dim + code
		}
		p.print("\x1b[%sm%s%s", code, text, reset)
	case p.targets[from]:
		p.print("%s", text)
	default:
		p.print("⟦%s⟧", text)
	}
}

// plain replaces control characters, which a document must not send to a terminal.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return '\ufffd'
		}
		return r
	}, text)
}
