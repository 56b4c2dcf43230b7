package pdf

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"longlora/internal/testdata"
)

func TestEncryptedAndBroken(t *testing.T) {
	r := NewReader(Options{})
	defer r.Close()
	for name, want := range map[string]error{
		"encryption/aes-256.pdf": ErrEncrypted, "encryption/rc4-40.pdf": ErrEncrypted,
		"scancode/patchelf.pdf": ErrScanned, "simple1.pdf": nil, "encryption/base.pdf": nil,
	} {
		data, err := os.ReadFile(testdata.Shared(t, "pdf", "pdfminer-six", "samples", name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Read(context.Background(), data); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
}

// words lays out lines of text as PDFium would hand them over.
func words(left, top float64, lines ...string) (all []run) {
	for i, l := range lines {
		y := top + 12*float64(i)
		all = append(all, run{
			text: l, left: left, right: left + 5*float64(len(l)), top: y, bottom: y + 7, size: 10,
		})
	}
	return all
}

func TestColumnsAreReadOneAfterTheOther(t *testing.T) {
	left, right := []string{}, []string{}
	for i := range 10 {
		left = append(left, fmt.Sprintf("left column's line %02d is wide enough to be", i))
		right = append(right, fmt.Sprintf("right column's line %02d is as wide as others", i))
	}
	p := page{width: 600, height: 800}
	for i := range left { // line by line across, as a hostile producer would write
		p.runs = append(p.runs, words(60, 200+12*float64(i), left[i])...)
		p.runs = append(p.runs, words(310, 200+12*float64(i), right[i])...)
	}
	text, _ := compose([]page{p})
	at := 0
	for _, want := range append(left, right...) {
		i := strings.Index(text[at:], want)
		if i < 0 {
			t.Fatalf("%q does not come next in %q", want, text)
		}
		at += i
	}
}

func TestHyphens(t *testing.T) {
	c := composer{words: map[string]bool{
		"well-known": true, "corpus": true, "automatically": true, "detected": true, "under": true,
		"standing": true,
	}}
	for _, x := range []struct{ a, b, want string }{
		{"the cor\x02", "pus is", "the corpus is"}, {"a well-", "known fact", "a well-known fact"},
		{"state-of-the-", "art", "state-of-the-art"}, {"from 3-", "4 on", "from 3-4 on"},
		{"automatically\x02", "detected", "automatically-detected"}, {"under\x02", "standing", "understanding"},
		{"see https://example.org/", "a/b", "see https://example.org/a/b"}, {"and/", "or", "and/ or"},
		{"737–", "9 MAX", "737–9 MAX"}, {"a dash –", "and", "a dash – and"}, {"語", "文", "語文"},
	} {
		if got := c.joinLines(x.a, x.b); got != x.want {
			t.Errorf("got %q, want %q", got, x.want)
		}
	}
}

// FuzzRead holds that no bytes make the reader panic or go on for longer than it may.
func FuzzRead(f *testing.F) {
	f.Add([]byte("%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 1 0 R/Kids[1 0 R]/Count 9>>endobj trailer<</Root 1 0 R>>"))
	for _, seed := range [][]byte{
		objects(catalog, onePage, pageOf(""), content("", hello), font),
		objects(catalog, onePage, pageOf("/XObject<</X 6 0 R>>"), content("", hello+" /X Do"), font,
			content("/Type/XObject/Subtype/Form/BBox[0 0 612 792]/Resources<</XObject<</X 6 0 R>>>>", "/X Do")),
	} {
		f.Add(seed)
	}
	r := NewReader(Options{Timeout: 5 * time.Second, Memory: 256 << 20, Pages: 50})
	if _, err := r.Read(context.Background(), []byte(hello)); !errors.Is(err, ErrBroken) {
		f.Fatal(err) // PDFium is compiled, which an input has no time for
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		start := time.Now()
		_, err := r.Read(context.Background(), data)
		if d := time.Since(start); d > 30*time.Second {
			t.Errorf("%v, error %v", d, err)
		}
	})
}
