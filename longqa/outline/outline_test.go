package outline

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLabel(t *testing.T) {
	for _, c := range []struct{ paragraph, label, head string }{
		{"# One  two\n\n", "One  two", "# One  two"},
		{"### Deep {#anchor}\ntext", "Deep", "### Deep {#anchor}"},
		{"Under\n=====\ntext", "Under", "Under"},
		{"Under\n---\n", "Under", "Under"},
		{"_Exper._ 12. In the\n", "Exper. 12", "_Exper._ 12"},
		{"_PROP._ II. THEOR. II.\n", "PROP. II", "_PROP._ II"},
		{"DEFIN. IV.\n", "DEFIN. IV", "DEFIN. IV"},
		{"AX. of iron\n", "", ""},
		{"Plain text\nof two lines\n", "", ""},
		{"#hashtag\n", "", ""},
	} {
		label, head := Label(c.paragraph)
		if label != c.label || c.paragraph[:head] != c.head {
			t.Errorf("%q: label %q, head %q, want %q, %q", c.paragraph, label, c.paragraph[:head], c.label,
				c.head)
		}
	}
}

func TestParse(t *testing.T) {
	content := "Before.\n\n_Scholium._ Aside.\n\n# Title\n\nOne.\n\n\n" +
		strings.Repeat("Long paragraph.\n", 200) + "\n" +
		strings.Repeat("Another one.\n", 200) + "\nEnd\n===\nLast.\n"
	text := Parse(Source{ID: "t", Title: "Title", Genre: "manual", Licence: "MIT", Content: content})
	part := text.Document.Parts[0]
	at := 0
	for i, p := range part.Pieces {
		if p.Start != at || p.Index != i || p.Document != text.Document {
			t.Errorf("piece %d begins at %d, want %d", i, p.Start, at)
		}
		at = p.End
	}
	if at != len(content) {
		t.Errorf("pieces end at %d of %d", at, len(content))
	}
	var got []string
	for _, s := range text.Sections {
		line := s.Label
		for _, p := range s.Pieces {
			first, _, _ := strings.Cut(p.Text(), "\n")
			line += "|" + first
		}
		if s.Label != "" {
			line += " from " + s.Head.Text()
		}
		got = append(got, line)
	}
	want := []string{
		"|Before.", "|_Scholium._ Aside.", "Title|# Title|Another one. from # Title", "End|End from End",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("sections (-want +got):\n%s", d)
	}
	if text.Document.Heading != "" {
		t.Errorf("heading %q, though the text has its title", text.Document.Heading)
	}
}
