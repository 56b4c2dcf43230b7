package shard

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"longlora/schemas"
)

// published writes rows as a dataset of one file.
func published[T Row](t testing.TB, kind schemas.Kind, rows ...T) *Dataset {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "d")
	b, err := Create(dir, Options{Kind: kind, Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewFile[T](b, "train", 0)
	if err == nil {
		err = w.Write(rows...)
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		_, err = b.Publish()
	}
	if err != nil {
		t.Fatal(err)
	}
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func sealed(id, text string) schemas.Document {
	d := schemas.Document{
		DocID: id, Source: "s", Title: "a \"title\"", Text: text, Language: "en", Licence: "MIT",
		URL: "u", Meta: map[string]string{"b": "2\n", "a": "é"},
	}
	d.Seal()
	return d
}

func collect[T Row](t testing.TB, d *Dataset) (rows []T) {
	t.Helper()
	for row, err := range Rows[T](d, "") {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

func TestDocumentsRoundTrip(t *testing.T) {
	want := []schemas.Document{
		sealed("a", "first"), sealed("b", "nul \x00 and \U0001f600"), sealed("c", ""),
	}
	d := published(t, schemas.KindDocument, want...)
	if got := collect[schemas.Document](t, d); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if err := d.Verify(context.Background()); err != nil {
		t.Error(err)
	}
	var b bytes.Buffer
	if err := WriteJSONL(&b, d, "train", 1); err != nil {
		t.Fatal(err)
	}
	var row schemas.Document
	if err := json.Unmarshal(b.Bytes(), &row); err != nil || !reflect.DeepEqual(row, want[0]) {
		t.Errorf("printed as %s (%v)", b.String(), err)
	}
}

func TestExamplesRoundTrip(t *testing.T) {
	want := []schemas.Example{{
		ID: "a", DocIDs: []string{"x", "y"}, Genre: "code", Task: "callers", Instruction: "who?",
		Context: "I do", Output: "I", Evidence: []schemas.Span{{Start: 0, End: 1}, {Start: 2, End: 4}},
		AnswerSource: "derived:test", Licence: "MIT", NTokens: 3, Split: "train", QuestionFirst: true,
		Turns: []schemas.Turn{{Question: "sure?", Answer: "yes"}},
		Meta:  map[string]string{"k": "v"},
	}, {ID: "b", Licence: "MIT", DocIDs: []string{"z"}, NTokens: 4}}
	d := published(t, schemas.KindExample, want...)
	got := collect[schemas.Example](t, d)
	if !reflect.DeepEqual(got[0], want[0]) || got[1].ID != "b" || len(got[1].Evidence) != 0 ||
		len(got[1].Turns) != 0 {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if err := d.Verify(context.Background()); err != nil {
		t.Error(err)
	}
	if s := d.Stat(); s.Tokens != 7 || s.Rows != 2 {
		t.Errorf("%d rows and %d tokens, want 2 and 7", s.Rows, s.Tokens)
	}
}

// TestTextIsStoredOnce guards against page statistics, which would hold long texts twice more.
func TestTextIsStoredOnce(t *testing.T) {
	var rows []schemas.Document
	size := int64(0)
	for i := range 20 {
		rows = append(rows, sealed(fmt.Sprint(i), noise(i, 50_000)))
		size += 50_000
	}
	if got := published(t, schemas.KindDocument, rows...).Stat().Bytes; got > size+size/10 {
		t.Errorf("%d bytes of text take %d on disk", size, got)
	}
}

// noise is text that hardly compresses.
func noise(seed, n int) string {
	b := make([]byte, n)
	x := uint32(seed) + 1
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = ' ' + byte(x>>24)%95
	}
	return string(b)
}

// TestRowGroupsAreBounded writes rows of three megabytes: no row group may hold more than its bound.
func TestRowGroupsAreBounded(t *testing.T) {
	var rows []schemas.Document
	for i := range 6 {
		rows = append(rows, sealed(fmt.Sprint(i), noise(i, 3_000_000)))
	}
	d := published(t, schemas.KindDocument, rows...)
	path := filepath.Join(d.Dir(), filepath.FromSlash(d.Manifest().Files[0].Path))
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	p, err := parquet.OpenFile(file, d.Manifest().Files[0].Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(p.RowGroups()); n != 3 {
		t.Errorf("%d row groups, want 3", n)
	}
	for i, g := range p.Metadata().RowGroups {
		if g.TotalByteSize > rowGroupBytes+1<<16 {
			t.Errorf("row group %d has %d bytes, at most %d wanted", i, g.TotalByteSize, rowGroupBytes)
		}
	}
}

func TestInvalidRowsAreRefused(t *testing.T) {
	b, err := Create(filepath.Join(t.TempDir(), "d"), Options{Kind: schemas.KindDocument, Name: "t"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Abort()
	w, err := NewFile[schemas.Document](b, "train", 0)
	if err != nil {
		t.Fatal(err)
	}
	doc := sealed("a", "text")
	doc.Licence = ""
	if err := w.Write(doc); err == nil || !strings.Contains(err.Error(), `document "a" has no licence`) {
		t.Errorf("got %v", err)
	}
}

// TestVerifyReadsEveryRow damages a dataset so that all hashes are right and one row is wrong.
func TestVerifyReadsEveryRow(t *testing.T) {
	d := published(t, schemas.KindDocument, sealed("a", "text"), sealed("b", "more"))
	d.manifest.Files[0].Rows = 3
	if err := d.Verify(context.Background()); err == nil || !strings.Contains(err.Error(), "has 2 rows") {
		t.Errorf("got %v", err)
	}
}

func TestKindsAreNotMixed(t *testing.T) {
	d := published(t, schemas.KindDocument, sealed("a", "text"))
	for _, err := range Rows[schemas.Sequence](d, "") {
		if err == nil || !strings.Contains(err.Error(), "holds rows of kind document, not sequence") {
			t.Errorf("got %v", err)
		}
	}
}

// TestConsumersPanicIsTheirOwn: only the library's panics become errors.
func TestConsumersPanicIsTheirOwn(t *testing.T) {
	defer func() {
		if r := recover(); r != "mine" {
			t.Errorf("recovered %v", r)
		}
	}()
	for range Rows[schemas.Document](published(t, schemas.KindDocument, sealed("a", "text")), "") {
		panic("mine")
	}
}

func TestCardLicences(t *testing.T) {
	m := &schemas.Manifest{Mixture: []schemas.MixturePart{
		{Licence: "MIT"}, {Licence: "GPL-3.0-only"}, {Licence: "GPL-3.0-or-later"}, {Licence: "MIT"},
		{Licence: "LicenseRef-own"}, {Licence: "MIT OR Apache-2.0"},
	}}
	names, others := hubLicences(m)
	if got := strings.Join(names, " "); got != "gpl-3.0 mit other" {
		t.Errorf("names %s", got)
	}
	if got := strings.Join(others, ", "); got != "LicenseRef-own, MIT OR Apache-2.0" {
		t.Errorf("others %s", got)
	}
}

// FuzzManifest parses any bytes: what it accepts has a right digest and paths inside the dataset.
func FuzzManifest(f *testing.F) {
	d := published(f, schemas.KindDocument, sealed("a", "text"))
	data, err := os.ReadFile(filepath.Join(d.Dir(), schemas.ManifestName))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"schema_version":1,"kind":"document","files":[{"path":"../x"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseManifest(data)
		if err != nil {
			return
		}
		if m.Digest != datasetDigest(m) {
			t.Error("a wrong digest is accepted")
		}
		for _, file := range m.Files {
			if !filepath.IsLocal(filepath.FromSlash(file.Path)) {
				t.Errorf("the path %q is accepted", file.Path)
			}
		}
	})
}
