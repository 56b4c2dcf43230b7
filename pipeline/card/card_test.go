package card

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"longlora/schemas"
)

var update = flag.Bool("update", false, "write the golden pictures")

// sample is a manifest with what pictures show.
func sample() *schemas.Manifest {
	m := &schemas.Manifest{Kind: schemas.KindSequence, Name: "sample"}
	for i := range int64(9) {
		m.Lengths = append(m.Lengths, schemas.LengthBucket{
			From: 256 << i, To: 512 << i, Count: 100 - 9*i, Total: (100 - 9*i) * (384 << i),
		})
	}
	m.Lengths[0].Count, m.Lengths[0].Total = 0, 0
	m.Mixture = []schemas.MixturePart{
		{Source: "books", Licence: "MIT", Rows: 3, Tokens: 700_000},
		{Source: "code <&\"> \x00", Licence: "MIT", Rows: 9, Tokens: 250_000},
		{Source: "books", Licence: "CC0-1.0", Rows: 1, Tokens: 50_000},
	}
	return m
}

// TestGolden compares the pictures byte by byte: they are part of datasets.
func TestGolden(t *testing.T) {
	pictures, err := Draw(sample())
	if err != nil || len(pictures) != 2 {
		t.Fatalf("%d pictures, %v", len(pictures), err)
	}
	for _, p := range pictures {
		path := filepath.Join("testdata", p.Name)
		if *update {
			if err := os.WriteFile(path, p.Data, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(p.Data, want) {
			t.Errorf("%s is %d bytes, want those %d of testdata: %v", p.Name, len(p.Data), len(want), err)
		}
	}
}

// texts parses a picture and returns what stands in it.
func texts(t *testing.T, data []byte) string {
	t.Helper()
	var all []string
	d := xml.NewDecoder(bytes.NewReader(data))
	inside := false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return strings.Join(all, "|")
		}
		if err != nil {
			t.Fatalf("not XML: %v", err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			inside = e.Name.Local == "text"
		case xml.EndElement:
			inside = false
		case xml.CharData:
			if inside {
				all = append(all, string(e))
			}
		}
	}
}

func TestWords(t *testing.T) {
	for kind, want := range map[schemas.Kind][]string{
		schemas.KindDocument: {"characters from", "of the documents", "512", "64Ki"},
		schemas.KindExample:  {"tokens from", "of the examples"},
		schemas.KindSequence: {"tokens from", "of the packed documents"},
	} {
		m := sample()
		m.Kind = kind
		pictures, err := Draw(m)
		if err != nil {
			t.Fatal(err)
		}
		got := texts(t, pictures[0].Data)
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: %q has no %q", kind, got, w)
			}
		}
		if strings.Contains(got, "|256|") {
			t.Errorf("%s: %q begins with a bucket that is empty", kind, got)
		}
	}
	pictures, err := Draw(sample())
	if err != nil {
		t.Fatal(err)
	}
	if got := texts(t, pictures[1].Data); !strings.Contains(got, `code <&">`) ||
		!strings.Contains(got, "share of the tokens in %") {
		t.Errorf("the mixture says %q", got)
	}
}

// TestParts sums up by source, and the small ones together.
func TestParts(t *testing.T) {
	m := &schemas.Manifest{}
	for i := range int64(40) {
		m.Mixture = append(m.Mixture, schemas.MixturePart{
			Source: fmt.Sprintf("%s %02d", strings.Repeat("ä", 40), i), Rows: 40 - i,
		})
	}
	parts, unit := partsOf(m)
	if len(parts) != mostSources || unit != "rows" || parts[0].size != 40 {
		t.Fatalf("%d parts of %s, the first %+v", len(parts), unit, parts[0])
	}
	if last := parts[mostSources-1]; last.name != "others" || last.size != 26*27/2 {
		t.Errorf("the last is %+v, want the other 26 together, 351", last)
	}
	if n := len([]rune(parts[0].name)); n != mostName {
		t.Errorf("a name has %d characters, want %d", n, mostName)
	}
}

func TestNothingToDraw(t *testing.T) {
	if pictures, err := Draw(&schemas.Manifest{}); len(pictures) != 0 || err != nil {
		t.Errorf("%d pictures of nothing, %v", len(pictures), err)
	}
}
