package source

import (
	"context"
	"strings"
	"testing"
	"unicode/utf8"

	"longlora/internal/testdata"
	"longlora/pipeline/charset"
	"longlora/pipeline/licence"
)

// TestExtractRejects holds the reasons of files that give no text.
func TestExtractRejects(t *testing.T) {
	root := t.TempDir()
	put(t, root, map[string]string{
		"pdf/empty.pdf": "", "pdf/text.pdf": "no PDF at all", "pdf/cut.pdf": pdfOf("cut")[:60],
		"pdf/blank.pdf": pdfOf(""), "pdf/good.pdf": pdfOf("good"),
		"html/empty.html": "", "html/bin.html": "\x00\x01", "html/frame.html": "<nav>menu</nav>",
		"html/deep.html":    strings.Repeat("<div>", 5000) + "x",
		"html/licence.html": `<link rel=license href="https://creativecommons.org/licenses/by-sa/4.0/"><p>x`,
		"md/latin.md":       "caf\xe9", "md/empty.md": "---\ntitle: T\n---\n",
	})
	got := map[string]map[string]string{}
	for _, kind := range []string{"pdf", "html", "markdown"} {
		got[kind] = outcomes(t, open(t, kind, Options{Path: root, Licence: "MIT"}))
	}
	for _, c := range []struct{ kind, name, want string }{
		{"pdf", "pdf/empty.pdf", ReasonBroken}, {"pdf", "pdf/text.pdf", ReasonBroken},
		{"pdf", "pdf/cut.pdf", ReasonBroken}, {"pdf", "pdf/blank.pdf", ReasonScanned},
		{"pdf", "pdf/good.pdf", "good"}, {"html", "html/empty.html", ReasonNoText},
		{"html", "html/bin.html", ReasonBroken}, {"html", "html/frame.html", ReasonNoText},
		{"html", "html/deep.html", ReasonBroken}, {"html", "html/licence.html", "x"},
		{"markdown", "md/latin.md", charset.Reason}, {"markdown", "md/empty.md", ReasonNoText},
	} {
		if text := got[c.kind][c.kind+":"+c.name]; !strings.HasPrefix(text, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, text, c.want)
		}
	}
}

// TestNamedLicence holds what becomes of licences that are no SPDX expressions: they are kept beside the
// one that was given, and reject the document if none was.
func TestNamedLicence(t *testing.T) {
	root := t.TempDir()
	const terms = "https://example.org/terms"
	put(t, root, map[string]string{
		"a.html": "<link rel=license href=" + terms + "><p>text",
		"a.md":   "---\nlicense: " + terms + "\n---\ntext", "b.md": "---\nlicense: CC0-1.0\n---\ntext",
	})
	for _, kind := range []string{"html", "markdown"} {
		for _, given := range []string{"", "MIT"} {
			s := open(t, kind, Options{Path: root, Licence: given})
			it := read(t, s, units(t, s)[0])[0]
			if given == "" && (it.Reason != ReasonNoLicence || !strings.Contains(it.Detail, terms)) ||
				given != "" && (it.Reason != "" || it.Licence != given || it.Meta[namedLicence] != terms) {
				t.Errorf("%s, licence %q: %q under %q: %s %s, %v", kind, given, it.Text, it.Licence, it.Reason,
					it.Detail, it.Meta)
			}
		}
	}
	s := open(t, "markdown", Options{Path: root, Licence: "MIT"})
	if it := read(t, s, units(t, s)[0])[1]; it.Licence != "CC0-1.0" || it.Meta[namedLicence] != "" {
		t.Errorf("b.md: licence %q, %v", it.Licence, it.Meta)
	}
}

// TestPapers reads real papers in two columns; the landmarks are sentences in the order of the page.
func TestPapers(t *testing.T) {
	got := outcomes(t, open(t, "pdf", Options{Path: testdata.Shared(t, "pdf", "acl"), Licence: "CC-BY-4.0"}))
	text := got["pdf:2020.acl-main.447.pdf"]
	at := 0
	for _, landmark := range []string{
		"# S2ORC: The Semantic Scholar Open Research Corpus", "## Abstract", "## 1 Introduction",
		"Different types of resources have been used", "Digital archives like arXiv",
		"Yet, existing corpora are not without their limitations", "## 2 Constructing the corpus",
		"### 2.1 Processing PDFs", "## References",
	} {
		i := strings.Index(text[at:], landmark)
		if i < 0 {
			t.Fatalf("%q does not come next, after %q", landmark, text[max(at-40, 0):at])
		}
		at += i + len(landmark)
	}
	for _, gone := range []string{"cor-\n", "\n4970\n", "\x02", "ﬁ"} {
		if strings.Contains(text, gone) {
			t.Errorf("the text holds %q", gone)
		}
	}
	for _, joined := range []string{"The corpus consists of rich metadata", "inline citation mentions"} {
		if !strings.Contains(text, joined) {
			t.Errorf("the text lacks %q", joined)
		}
	}
}

// FuzzMarkdown reads any bytes as Markdown and as a page: no panic, and what is kept is text.
func FuzzMarkdown(f *testing.F) {
	f.Add([]byte("---\ntitle: &a [*a]\nlicense: MIT\n---\n# T #\n\nx"), false)
	f.Add([]byte("---\r\nlang: 1\r\n...\r\n\xff"), true)
	f.Add([]byte("T\n===\n\n<p>x"), false)
	f.Fuzz(func(t *testing.T, data []byte, latin bool) {
		o := Options{Licence: "MIT"}
		if latin {
			o.Encoding = "latin1"
		}
		decode, err := decoder(o)
		if err != nil {
			t.Fatal(err)
		}
		it := Item{}
		it.Meta = map[string]string{}
		if err := decode(context.Background(), data, &it); err != nil {
			t.Fatal(err)
		}
		if it.Reason == "" {
			readMarkdown(&it)
			it.fillIn(Origin{}, o, "x.md")
			it.judgeText()
		}
		if it.Reason == "" && (!utf8.ValidString(it.Text+it.Title+it.URL) || strings.TrimSpace(it.Text) == "" ||
			!licence.IsExpression(it.Licence)) {
			t.Errorf("kept %+v", it.Document)
		}
	})
}
