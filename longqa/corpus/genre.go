package corpus

import (
	"strings"

	"longlora/longqa/outline"
	"longlora/longqa/prose"
	"longlora/schemas"
)

// minChapters is the number of chapters from which a text is a book.
const minChapters = 4

// Genre returns the genre of a document: what the material or the document names, else what its
// form shows.
func (c *Corpus) Genre(d *schemas.Document, t *outline.Text) string {
	if c.Material.Genre != "" {
		return c.Material.Genre
	}
	if g := d.Meta["genre"]; g != "" {
		return g
	}
	switch {
	case prose.Turns(d.Text, t.Lines) != nil:
		return "meeting"
	case prose.References(d.Text) != nil:
		return "paper"
	case strings.Contains(t.Headings, outline.Chapters) && len(t.Sections) > minChapters:
		return "book"
	case soundTables(d.Text) > minTables:
		return "report"
	}
	return "text"
}

// minTables is the number of tables above which a text is a report.
const minTables = 2

func soundTables(text string) int {
	n := 0
	for _, t := range prose.Tables(text) {
		if t.Sound {
			n++
		}
	}
	return n
}

// Parse cuts a document into sections and gives it its genre.
func (c *Corpus) Parse(d *schemas.Document) *outline.Text {
	t := outline.Parse(outline.Source{
		ID: d.DocID, Title: d.Title, Licence: d.Licence, Language: d.Language, Content: d.Text,
		Corpus: true, Markdown: d.Meta["format"] == "markdown", Layout: strings.HasPrefix(d.Source,
			"pdf"),
	})
	genre := c.Genre(d, t)
	t.Document.Genre = genre
	t.Document.Join = genre + " " + d.Language
	return t
}
