package pdf

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// objects writes a PDF file of numbered objects, the first of which is the catalog; PDFium makes up the
// missing table of objects.
func objects(all ...string) []byte {
	var b strings.Builder
	b.WriteString("%PDF-1.7\n")
	for i, o := range all {
		fmt.Fprintf(&b, "%d 0 obj%s endobj\n", i+1, o)
	}
	b.WriteString("trailer<</Root 1 0 R>>\n")
	return []byte(b.String())
}

// content is the object of a stream.
func content(entries, data string) string {
	return fmt.Sprintf("<<%s/Length %d>>stream\n%s\nendstream", entries, len(data), data)
}

const (
	catalog = "<</Type/Catalog/Pages 2 0 R>>"
	onePage = "<</Type/Pages/Kids[3 0 R]/Count 1>>"
	font    = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
	hello   = "BT /F1 12 Tf 72 720 Td (hello, this is text) Tj ET"
)

// pageOf is a page whose fonts are in the object 5, and its content in the object 4.
func pageOf(resources string) string {
	return "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>" +
		resources + ">>>>"
}

// TestCycles reads files whose objects lead back to themselves: each comes to its text or to one of
// the reasons, and soon.
func TestCycles(t *testing.T) {
	r := NewReader(Options{Timeout: 30 * time.Second})
	defer r.Close()
	for name, c := range map[string]struct {
		data []byte
		want string // text; empty: any reason
	}{
		"pages that are their own kids": {objects(catalog, "<</Type/Pages/Kids[2 0 R 2 0 R]/Count 9>>"), ""},
		"pages in a ring": {objects(catalog, "<</Type/Pages/Kids[3 0 R]/Count 1>>",
			"<</Type/Pages/Kids[2 0 R]/Count 1>>"), ""},
		"a catalog that is its pages": {objects("<</Type/Catalog/Pages 1 0 R/Kids[1 0 R]/Count 9>>"), ""},
		"a page that is its own parent": {objects(catalog, onePage,
			"<</Type/Page/Parent 3 0 R/Contents 4 0 R/Resources 3 0 R>>", content("", hello)), ""},
		"content that is an array of itself": {objects(catalog, onePage, pageOf(""), "[4 0 R 4 0 R]", font), ""},
		"a length that is the stream itself": {objects(catalog, onePage, pageOf(""),
			"<</Length 4 0 R>>stream\n"+hello+"\nendstream", font), ""},
		"a form that draws itself": {objects(catalog, onePage, pageOf("/XObject<</X 6 0 R>>"),
			content("", hello+" /X Do"), font,
			content("/Type/XObject/Subtype/Form/BBox[0 0 612 792]/Resources<</XObject<</X 6 0 R>>>>", "/X Do")),
			"hello, this is text"},
		"a font whose encoding is itself": {objects(catalog, onePage, pageOf(""), content("", hello),
			"<</Type/Font/Subtype/Type0/BaseFont/X/Encoding 5 0 R/DescendantFonts[5 0 R]/ToUnicode 5 0 R>>"), ""},
		"a reference to itself": {objects(catalog, onePage, pageOf(""), "4 0 R", font), ""},
		"an outline in a ring": {objects("<</Type/Catalog/Pages 2 0 R/Outlines 6 0 R>>", onePage, pageOf(""),
			content("", hello), font, "<</First 6 0 R/Last 6 0 R/Next 6 0 R/Parent 6 0 R/Title(x)>>"),
			"hello, this is text"},
		"a table of objects that goes back to itself": {[]byte(strings.Replace(string(objects(catalog, onePage,
			pageOf(""), content("", hello), font)), "trailer<<",
			"xref\n0 1\n0000000000 65535 f \ntrailer<</Prev 9/XRefStm 9", 1) + "startxref\n9\n%%EOF"), ""},
	} {
		start := time.Now()
		got, err := r.Read(context.Background(), c.data)
		isReason := errors.Is(err, ErrScanned) || errors.Is(err, ErrBroken) || errors.Is(err, ErrLimit) ||
			errors.Is(err, ErrUnmapped)
		if c.want != "" && !strings.Contains(got.Body, c.want) || err != nil && !isReason {
			t.Errorf("%s: got %q, %v, want %q", name, got.Body, err, c.want)
		}
		if d := time.Since(start); d > 25*time.Second {
			t.Errorf("%s: it takes %v", name, d)
		}
	}
}

// bomb is a page on which forms draw forms, ten of them ten times each: ten billion lines of text.
func bomb() []byte {
	all := []string{catalog, onePage, pageOf("/XObject<</X 6 0 R>>"), content("", "/X Do"), font}
	for i := range 10 {
		next := fmt.Sprintf("/Resources<</Font<</F1 5 0 R>>/XObject<</X %d 0 R>>>>", i+7)
		all = append(all, content("/Type/XObject/Subtype/Form/BBox[0 0 612 792]"+next,
			strings.Repeat("/X Do ", 10)))
	}
	all = append(all, content("/Type/XObject/Subtype/Form/BBox[0 0 612 792]/Resources<</Font<</F1 5 0 R>>>>",
		hello))
	return objects(all...)
}

// TestTimeout stops a file that would take days, leaves no more behind than it found, and reads the
// next.
func TestTimeout(t *testing.T) {
	const limit = 2 * time.Second
	r := NewReader(Options{Timeout: limit})
	defer r.Close()
	fine := objects(catalog, onePage, pageOf(""), content("", hello), font)
	if got, err := r.Read(context.Background(), fine); err != nil || got.Body != "hello, this is text\n" {
		t.Fatalf("a plain file: %q, %v", got.Body, err) // and PDFium is compiled
	}
	start := time.Now()
	_, err := r.Read(context.Background(), bomb())
	if d := time.Since(start); !errors.Is(err, ErrLimit) || !strings.Contains(err.Error(), "2s have passed") ||
		d < limit || d > 15*limit {
		t.Errorf("after %v: %v, want %v", d, err, ErrLimit)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit/4)
	defer cancel()
	if _, err := r.Read(ctx, bomb()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a context that ends: %v", err)
	}
	if got, err := r.Read(context.Background(), fine); err != nil || got.Body != "hello, this is text\n" {
		t.Errorf("the next file: %q, %v", got.Body, err)
	}
}

// TestMemoryLimit refuses a file that is larger than the instance may be.
func TestMemoryLimit(t *testing.T) {
	r := NewReader(Options{Memory: 64 << 20})
	defer r.Close()
	big := objects(catalog, onePage, pageOf(""), content("", hello+strings.Repeat(" ", 96<<20)), font)
	if _, err := r.Read(context.Background(), big); !errors.Is(err, ErrLimit) && !errors.Is(err, ErrBroken) {
		t.Errorf("got %v", err)
	}
}

// word is a number in letters.
func word(n int) string {
	w := "w"
	for range 4 {
		w += string(rune('a' + n%26))
		n /= 26
	}
	return w
}

// book is a file of many pages of forty lines each.
func book(pages int) []byte {
	var kids strings.Builder
	all := []string{catalog, "", font}
	for i := range pages {
		fmt.Fprintf(&kids, "%d 0 R ", 4+2*i)
		var lines strings.Builder
		for k := range 40 {
			fmt.Fprintf(&lines, "BT /F1 10 Tf 72 %d Td (%s says what no other line says) Tj ET\n",
				720-15*k, word(40*i+k))
		}
		all = append(all, fmt.Sprintf("<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents %d 0 R"+
			"/Resources<</Font<</F1 3 0 R>>>>>>", 5+2*i), content("", lines.String()))
	}
	all[1] = fmt.Sprintf("<</Type/Pages/Kids[%s]/Count %d>>", kids.String(), pages)
	return objects(all...)
}

// TestPagesAreClosed reads a long file within a bound that half of its pages would fill if the texts
// of pages alone were kept open.
func TestPagesAreClosed(t *testing.T) {
	const pages = 250
	data := book(pages)
	r := NewReader(Options{Memory: 24<<20 + 2*int64(len(data))})
	defer r.Close()
	text, err := r.Read(context.Background(), data)
	if err != nil || text.Pages != pages {
		t.Fatalf("%d pages, %v", text.Pages, err)
	}
	inOrder(t, text.Body, word(0)+" says", word(100*40+39)+" says", word(249*40+39)+" says")
}
