package outline

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// body is a paragraph of a chapter.
const body = "It was a long day and nobody came. The rain went on.\n\n"

func labelsOf(t *Text) []string {
	var all []string
	for _, s := range t.Sections {
		if s.Label != "" {
			all = append(all, s.Label)
		}
	}
	return all
}

func TestParseCorpus(t *testing.T) {
	chapters := func(heads ...string) string {
		var b strings.Builder
		for _, h := range heads {
			b.WriteString(h + "\n\n" + body + body)
		}
		return b.String()
	}
	toc := "CHAPTER I. Dawn\n\nCHAPTER II. Noon\n\nCHAPTER III. Dusk\n\nCHAPTER IV. Night\n\n" + body
	for name, c := range map[string]struct {
		text, conventions string
		want              []string
	}{
		"markdown": {"# One\n\n" + body + "```\n# no heading\n```\n\n## Two {#two}\n\n" +
			body, "markdown",
			[]string{"One", "Two"}},
		"chapters": {chapters("CHAPTER I. Dawn", "Chapter 2", "BOOK THE SECOND"), "chapters",
			[]string{"CHAPTER I. Dawn", "Chapter 2", "BOOK THE SECOND"}},
		"a table of contents": {toc + chapters("CHAPTER I. Dawn", "CHAPTER II. Noon"), "chapters",
			[]string{"CHAPTER I. Dawn", "CHAPTER II. Noon"}},
		"French": {chapters("Chapitre premier", "Chapitre II", "Épilogue"), "chapters",
			[]string{"Chapitre premier", "Chapitre II", "Épilogue"}},
		"German": {chapters("Kapitel 1", "Zweites Buch", "Vorwort"), "chapters",
			[]string{"Kapitel 1", "Vorwort"}},
		"Chinese":  {chapters("第一章 灯", "第二回"), "chapters", []string{"第一章 灯", "第二回"}},
		"numerals": {chapters("I", "II.", "III"), "numerals", []string{"I", "II.", "III"}},
		"numbered": {chapters("1 Introduction", "2 Methods", "2.1 Data", "3. Results"), "numbered",
			[]string{"1 Introduction", "2 Methods", "2.1 Data", "3. Results"}},
		"no sequence": {chapters("4 Apples", "2 Pears"), "none", nil},
		"no heading":  {chapters("Chapter and verse were quoted by all", "It was so"), "none", nil},
	} {
		text := Parse(Source{ID: "x", Title: "T", Licence: "MIT", Content: c.text, Corpus: true})
		if text.Headings != c.conventions {
			t.Errorf("%s: conventions %q, want %q", name, text.Headings, c.conventions)
		}
		if d := cmp.Diff(c.want, labelsOf(text)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		at := 0
		for _, p := range text.Document.Parts[0].Pieces {
			if p.Start != at {
				t.Errorf("%s: a piece begins at %d, want %d", name, p.Start, at)
			}
			at = p.End
		}
		if at != len(c.text) {
			t.Errorf("%s: pieces end at %d of %d", name, at, len(c.text))
		}
	}
}

// A text that has a paragraph on each line is cut there, and sections begin at headings.
func TestLongLines(t *testing.T) {
	line := strings.Repeat("Une longue ligne qui est un paragraphe entier. ", 4) + "\n"
	var b strings.Builder
	for i := range 3 {
		fmt.Fprintf(&b, "Chapitre %d \n%s%s", i+1, line, line)
	}
	text := Parse(Source{ID: "x", Title: "T", Licence: "MIT", Content: b.String(), Corpus: true})
	if !text.Lines || len(text.Document.Sections) != 3 {
		t.Errorf("lines %v, sections %v", text.Lines, text.Document.Sections)
	}
}

func TestTitle(t *testing.T) {
	for _, c := range []struct{ label, headings, want string }{
		{"CHAPTER IV. The Rabbit Sends in a Little Bill", Chapters, "The Rabbit Sends in a Little Bill"},
		{"CHAPTER IV.", Chapters, ""}, {"Chapter 2", Chapters, ""}, {"第三章 灯", Chapters, "灯"},
		{"IV", Numerals, ""}, {"2.1 Data", Numbered, "Data"}, {"B Details", Markdown, "Details"},
		{"Appendix A. Proofs", Markdown, "Proofs"}, {"Related work", Markdown, "Related work"},
		{"DEFIN. IV", "", "DEFIN. IV"},
	} {
		if got := Title(c.label, c.headings); got != c.want {
			t.Errorf("%s: %q, want %q", c.label, got, c.want)
		}
	}
}

// Whatever the text, pieces cover it without gaps.
func FuzzParse(f *testing.F) {
	f.Add("# a\n\nb\n\n```\n# c\n", true)
	f.Add("CHAPTER I\n\nx\n\nCHAPTER II\n\n第一章\n", false)
	f.Fuzz(func(t *testing.T, content string, markdown bool) {
		text := Parse(Source{ID: "x", Title: "T", Content: content, Corpus: true, Markdown: markdown})
		at := 0
		for _, p := range text.Document.Parts[0].Pieces {
			if p.Start != at || p.End < p.Start {
				t.Fatalf("a piece is [%d, %d), want it to begin at %d", p.Start, p.End, at)
			}
			at = p.End
		}
		if at != len(content) && strings.TrimSpace(content) != "" {
			t.Fatalf("pieces end at %d of %d", at, len(content))
		}
	})
}

// A paragraph as long as several pieces is cut where sentences end; a table stays whole.
func TestLongParagraph(t *testing.T) {
	sentence := "This is one of the many sentences of a text without any blank line at all. "
	content := strings.Repeat(sentence, 500)
	text := Parse(Source{ID: "x", Title: "T", Content: content, Corpus: true})
	pieces := text.Document.Parts[0].Pieces
	if len(pieces) < 9 || len(pieces) > 12 {
		t.Errorf("%d pieces", len(pieces))
	}
	end := 0
	for i, p := range pieces {
		if p.Start != end || !strings.HasSuffix(strings.TrimSpace(p.Text()), ".") {
			t.Errorf("piece %d begins at %d, after %d, and ends %q", i, p.Start, end,
				p.Text()[len(p.Text())-9:])
		}
		end = p.End
	}
	if end != len(content) {
		t.Errorf("the pieces end at %d", end)
	}
	table := strings.Repeat("| a. B | c |\n", 2000)
	if got := sentencesOf(table, paragraph{0, len(table)}); len(got) != 1 {
		t.Errorf("a table falls into %d paragraphs", len(got))
	}
}
