// Package outline finds the sections of long texts: headings in Markdown's two forms, the numbered
// labels of old books (definitions, axioms, propositions, experiments, observations), and, in plain
// text, the lines that begin chapters, numerals on lines of their own and numbered headings.
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
	// Headings names the conventions that its headings keep; "" for a text of the Go tree, which has
	// Markdown and the labels of old books.
	Headings string
	// Layout: a heading without a number may be none.
	Layout bool
	// Lines: every line is a paragraph.
	Lines bool
	// Language is a BCP 47 tag.
	Language string
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
	// Language is a BCP 47 tag; "" stands for English.
	Language string
	// Corpus: the text is from anywhere, and its conventions are found out.
	Corpus bool
	// Markdown: the text is known to be Markdown.
	Markdown bool
	// Layout: the headings were read off a layout, so that those without a number may be none.
	Layout bool
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
	t := &Text{Document: d, Sections: []Section{{}}, Language: s.Language, Layout: s.Layout}
	if s.Corpus {
		t.parseCorpus(part, s)
	} else {
		for _, p := range paragraphs(s.Content) {
			label, head := Label(s.Content[p.start:p.end])
			t.add(part, p, label, head, bookBreak.MatchString(s.Content[p.start:p.end]))
		}
	}
	for _, section := range t.Sections {
		if section.Label == s.Title && !s.Corpus {
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

// add appends a paragraph to the open section, or begins one with it if it has a label, of which
// head is the length, or is a break.
func (t *Text) add(part *material.Part, p paragraph, label string, head int, isBreak bool) {
	section := &t.Sections[len(t.Sections)-1]
	if label != "" || isBreak {
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
