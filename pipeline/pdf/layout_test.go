package pdf

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"longlora/internal/testdata"
)

// inOrder requires phrases to come one after the other.
func inOrder(t *testing.T, text string, phrases ...string) {
	t.Helper()
	at := 0
	for _, want := range phrases {
		i := strings.Index(text[at:], want)
		if i < 0 {
			t.Fatalf("%q does not come next after %q", want, text[max(at-200, 0):at])
		}
		at += i + len(want)
	}
}

// readShared reads a file of ../shared/data/pdf.
func readShared(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(testdata.Shared(t, "pdf", name))
	if err != nil {
		t.Fatal(err)
	}
	r := NewReader(Options{})
	defer r.Close()
	text, err := r.Read(context.Background(), data)
	if err != nil {
		t.Fatal(err)
	}
	return text.Body
}

// TestVerticalText reads Japanese from top to bottom, from right to left, in two tiers of a page; and
// words that stand on their side alone on a page.
func TestVerticalText(t *testing.T) {
	inOrder(t, readShared(t, "pdfminer-six/samples/jo.pdf"), "（あらゆる透明な幽霊の複合体）",
		"風景やみんなといっしょに", "そのとほりの心象スケッチです", "みんなのおのおののなかのすべてですから）",
		"（あるひは修羅の十億年）", "おそらくこれから二千年もたったころは", "青ぞらいっぱいの無色な孔雀が居たとおもひ")
	if got := readShared(t, "pdfminer-six/samples/contrib/issue-449-vertical.pdf"); got != "Test Vertical Layout\n" {
		t.Errorf("got %q", got)
	}
}

// TestAuthors reads the blocks of a first page that stand side by side.
func TestAuthors(t *testing.T) {
	inOrder(t, readShared(t, "texlive-publishers/acmart/samples/sample-sigconf.pdf"),
		"The Name of the Title Is Hope", "Ben Trovato", "Dublin, Ohio, USA", "Lars Thørväld", "Hekla, Iceland",
		"Valerie Béranger", "Rocquencourt, France", "Aparna Patel", "Doimukh", "Huifen Chan", "Haidian Qu",
		"Charles Palmer", "cpalmer@prl.com", "John Smith", "jsmith@affiliation.org", "Julius P. Kumquat",
		"New York, USA", "ABSTRACT")
	inOrder(t, readShared(t, "acl/2020.acl-main.447.pdf"), "Kyle Lo", "Lucy Lu Wang", "Mark Neumann",
		"Rodney Kinney", "Daniel S. Weld", "Allen Institute", "Paul G. Allen School", "## Abstract")
}

// TestTables reads tables whose gaps are those of PDFium's boxes, one of them across both columns.
func TestTables(t *testing.T) {
	text := readShared(t, "acl/2020.acl-main.447.pdf")
	for _, row := range []string{
		"| PubMed Central (OA) | 2.6M | full text | yes | PubMed | bio, med |", "| Papers w/ PDF | 28.9M (35.6%) |",
		"| Statistic | GROBID | LATEX |", "| Multi-domain | PaperField | Beltagy et al. (2019) | CLS | 65.71 | 65.99 ± 0.08 |",
	} {
		if !strings.Contains(text, row+"\n") {
			t.Errorf("the text lacks the row %s", row)
		}
	}
	if strings.Contains(text, "| 90.4%, or 73.4M papers. |") {
		t.Error("a loose line of text is a table")
	}
}

// TestHeadingsEndTables: a numbered heading has two cells as the rows of the contents above it.
func TestHeadingsEndTables(t *testing.T) {
	text := readShared(t, "pdfminer-six/samples/contrib/pagelabels.pdf")
	inOrder(t, text, "| 4 | Heading on Level 1 (section) | 1 |\n", "\n## 1 First section\n", "Some text here",
		"\n## 2 Second section\n")
}

// TestLineNumbers drops the numbers of the lines of a manuscript, and keeps a column of numbers that
// says something.
func TestLineNumbers(t *testing.T) {
	for name, c := range map[string]struct {
		number func(i int) int
		kept   bool
	}{
		"each line": {func(i int) int { return 31 + i }, false}, "each fifth": {func(i int) int { return 5 * i }, false},
		"years": {func(i int) int { return 1990 + i*i }, true},
	} {
		p := page{width: 600, height: 800}
		for i := range 20 {
			y := 100 + 12*float64(i)
			p.runs = append(p.runs, words(60, y, fmt.Sprint(c.number(i)))...)
			p.runs = append(p.runs, words(110, y, "a line of text that goes on to the end of its column")...)
		}
		text, _ := compose([]page{p})
		if got := strings.Contains(text, fmt.Sprint(c.number(7))); got != c.kept {
			t.Errorf("%s: kept %v: %s", name, got, text)
		}
	}
	inOrder(t, readShared(t, "texlive-publishers/aastex/sample631.pdf"), "American Astronomical Society",
		"This example manuscript is intended to serve as a tutorial and template for authors to use when writing "+
			"their own AAS Journal articles.")
}

// TestThreeColumns reads a page of the Federal Register.
func TestThreeColumns(t *testing.T) {
	inOrder(t, readShared(t, "pdfminer-six/samples/contrib/pr-00530-ml-lines.pdf"),
		"This section of the FEDERAL REGISTER contains notices to the public of the proposed issuance",
		"Boeing Company Model 737–8 and 737–9 (737 MAX) airplanes.", "You may send comments, using the procedures found",
		"- Fax: 202–493–2251.\n- Mail: U.S. Department of Transportation")
}

// TestRotatedPages reads pages that are turned when they are looked at, by each quarter, and text that
// is written so that it stands upright then; and a real one.
func TestRotatedPages(t *testing.T) {
	r := NewReader(Options{})
	defer r.Close()
	for turns, matrix := range []string{"1 0 0 1 72 700", "0 1 -1 0 100 100", "-1 0 0 -1 500 100", "0 -1 1 0 500 700"} {
		var lines strings.Builder
		for i := range 6 {
			fmt.Fprintf(&lines, "BT /F1 10 Tf %s Tm 0 %d Td (the line that is number %c of them) Tj ET\n", matrix, -14*i,
				'a'+rune(i))
		}
		page := strings.Replace(pageOf(""), "/MediaBox", fmt.Sprintf("/Rotate %d/MediaBox", 90*turns), 1)
		text, err := r.Read(context.Background(), objects(catalog, onePage, page, content("", lines.String()), font))
		if err != nil {
			t.Fatal(err)
		}
		inOrder(t, text.Body, "the line that is number a of them", "number b of them", "number c", "number d", "number e",
			"number f of them")
	}
	inOrder(t, readShared(t, "pdfminer-six/samples/zen_of_python_corrupted.pdf"), "Beautiful is better than ugly.\n",
		"Explicit is better than implicit.\n", "Namespaces are one honking great idea")
}
