// Package outline finds the sections of long texts: headings in Markdown's two forms, and the
// numbered labels of old books (definitions, axioms, propositions, experiments, observations).
package outline

import (
	"regexp"
	"strings"

	"longlora/longqa/material"
)

// Text is a document that is no code, cut into sections.
type Text struct {
	Document *material.Document
	Sections []Section
}

// Section is a heading or label with what stands under it, up to the next.
type Section struct {
	// Label is the heading as a person says it, without marks; "" for what stands before the first.
	Label string
	// Head is the line or the words of the label.
	Head material.Range
	// Pieces hold the section; the first begins with the head.
	Pieces []*material.Piece
}

// Source is a text to cut.
type Source struct {
	ID, Title, Genre, Licence, Content string
}

// pieceBytes is the size from which a section is cut further, at paragraphs.
const pieceBytes = 4 << 10

// Parse cuts a text into sections.
func Parse(s Source) *Text {
	d := &material.Document{
		ID: s.ID, Title: s.Title, Genre: s.Genre, Licence: s.Licence, Name: s.ID,
		Heading: "# " + s.Title + "\n\n",
	}
	part := &material.Part{Name: s.Title, Source: s.Content}
	d.Parts = []*material.Part{part}
	t := &Text{Document: d, Sections: []Section{{}}}
	for _, p := range paragraphs(s.Content) {
		t.add(part, p)
	}
	for _, section := range t.Sections {
		if section.Label == s.Title {
			d.Heading = "" // the text says it itself
		}
	}
	return t
}

// paragraph is a run of lines that blank lines end; the range holds those too.
type paragraph struct{ start, end int }

func paragraphs(text string) []paragraph {
	var all []paragraph
	start, blank := 0, false
	for at := 0; at < len(text); {
		end := len(text)
		if i := strings.IndexByte(text[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		empty := strings.TrimSpace(text[at:end]) == ""
		if blank && !empty && at > start {
			all = append(all, paragraph{start, at})
			start = at
		}
		blank, at = empty, end
	}
	if start < len(text) {
		all = append(all, paragraph{start, len(text)})
	}
	return all
}

// add appends a paragraph to the open section, or begins one with it.
func (t *Text) add(part *material.Part, p paragraph) {
	text := part.Source[p.start:p.end]
	label, head := Label(text)
	section := &t.Sections[len(t.Sections)-1]
	if label != "" || bookBreak.MatchString(text) {
		t.Sections = append(t.Sections, Section{Label: label})
		section = &t.Sections[len(t.Sections)-1]
	}
	n := len(section.Pieces)
	if n == 0 || p.end-section.Pieces[n-1].Start > pieceBytes {
		piece := &material.Piece{
			Document: t.Document, Part: part, Index: len(part.Pieces), Start: p.start, End: p.end,
		}
		part.Pieces = append(part.Pieces, piece)
		section.Pieces = append(section.Pieces, piece)
	} else {
		section.Pieces[n-1].End = p.end
	}
	if label != "" {
		section.Head = material.Range{Piece: section.Pieces[0], Start: p.start, End: p.start + head}
	}
}

var (
	hashHeading = regexp.MustCompile(`^#{1,6} +([^\n]*?)(?: *\{#[^}\n]*\})?\s*(?:\n|$)`)
	underlined  = regexp.MustCompile(`^([^\n]+)\n(?:=+|-+)\s*(?:\n|$)`)
	// bookBreak begins a section of an old book that has a title and no number: a line of its own in
	// italics or capitals, or a first word in italics, as "_Scholium._".
	bookBreak = regexp.MustCompile(
		`^(?:_[A-Z][A-Za-z]+\._ |_[^\n]{2,60}_\.?\s*$|[A-Z][A-Z .]{3,60}\s*$)`)
	bookLabel = regexp.MustCompile(`^_?(?:DEFIN|AX|PROP|Exper|Obs|Qu)\._? (?:[IVXL]+|[0-9]+)\b`)
)

// Label returns a paragraph's label and the bytes of its line or words; "" if it begins no section.
func Label(paragraph string) (label string, head int) {
	if m := hashHeading.FindStringSubmatch(paragraph); m != nil {
		return strings.TrimSpace(m[1]), len(strings.TrimRight(m[0], "\n"))
	}
	if m := underlined.FindStringSubmatch(paragraph); m != nil {
		return strings.TrimSpace(m[1]), len(m[1])
	}
	if m := bookLabel.FindString(paragraph); m != "" {
		return strings.ReplaceAll(m, "_", ""), len(m)
	}
	return "", 0
}
