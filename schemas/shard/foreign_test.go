package shard

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/compress/lz4"
	"github.com/parquet-go/parquet-go/compress/snappy"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// foreignRow is what another program may have written.
type foreignRow struct {
	Text  string  `parquet:"text,dict"`
	Plain string  `parquet:"plain,plain"`
	Note  *string `parquet:"note,optional"`
	ID    int64   `parquet:"id"`
	Year  int32   `parquet:"year"`
	Score float64 `parquet:"score"`
	Inner struct {
		URL string `parquet:"url"`
	} `parquet:"inner"`
	Words []string `parquet:"words,list"`
}

func foreignRows(n int) []foreignRow {
	rows := make([]foreignRow, n)
	for i := range rows {
		r := &rows[i]
		r.Text, r.Plain = fmt.Sprint("text ", i%7), strings.Repeat("x", i)
		r.ID, r.Year, r.Inner.URL, r.Words = int64(i)-3, int32(2000+i), fmt.Sprint("u", i), []string{"a"}
		if i%3 == 0 {
			note := fmt.Sprint("note ", i)
			r.Note = &note
		}
	}
	return rows
}

// writeForeign writes rows in groups of ten.
func writeForeign(t testing.TB, codec compress.Codec, rows []foreignRow) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.parquet")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := parquet.NewGenericWriter[foreignRow](file, parquet.Compression(codec))
	for len(rows) > 0 {
		n := min(10, len(rows))
		_, err := w.Write(rows[:n])
		if err = errors.Join(err, w.Flush()); err != nil {
			t.Fatal(err)
		}
		rows = rows[n:]
	}
	if err := errors.Join(w.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestForeignColumns(t *testing.T) {
	rows := foreignRows(23)
	for _, codec := range []compress.Codec{&zstd.Codec{}, &snappy.Codec{}} {
		f, err := OpenForeign(writeForeign(t, codec, rows))
		if err != nil {
			t.Fatal(err)
		}
		if want := "text plain note id year inner.url"; strings.Join(f.Columns(), " ") != want {
			t.Errorf("columns %v, want %s", f.Columns(), want)
		}
		if n := len(f.Groups()); n != 3 {
			t.Errorf("%d row groups, want 3", n)
		}
		var got, want [][]string
		for g := range f.Groups() {
			for row, err := range f.Rows(g, []string{"inner.url", "text", "plain", "note", "id", "year"}) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, append([]string{}, row...))
			}
		}
		for _, r := range rows {
			note := ""
			if r.Note != nil {
				note = *r.Note
			}
			want = append(want, []string{
				r.Inner.URL, r.Text, r.Plain, note, fmt.Sprint(r.ID), fmt.Sprint(r.Year),
			})
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", codec, got, want)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestForeignErrors(t *testing.T) {
	path := writeForeign(t, &zstd.Codec{}, foreignRows(3))
	f, err := OpenForeign(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, c := range []struct {
		group        int
		column, want string
	}{
		{0, "words", `no column "words"`}, {0, "words.list.element", "holds lists"},
		{0, "score", "holds DOUBLE, not text"}, {0, "nothing", `no column "nothing"`},
		{1, "text", "there are 1 row groups"}, {-1, "text", "there are 1 row groups"},
	} {
		var got error
		for _, err := range f.Rows(c.group, []string{c.column}) {
			got = err
		}
		if got == nil || !strings.Contains(got.Error(), c.want) {
			t.Errorf("%s of group %d: got %v, want %q", c.column, c.group, got, c.want)
		}
	}
}

// TestLZ4RawIsRefused guards against a codec that the library decodes wrongly without an error.
func TestLZ4RawIsRefused(t *testing.T) {
	_, err := OpenForeign(writeForeign(t, &lz4.Codec{}, foreignRows(3)))
	if err == nil || !strings.Contains(err.Error(), "column text is compressed with LZ4_RAW") {
		t.Errorf("got %v", err)
	}
}

func TestFooterIsNotBelieved(t *testing.T) {
	good, err := os.ReadFile(writeForeign(t, &zstd.Codec{}, foreignRows(3)))
	if err != nil {
		t.Fatal(err)
	}
	huge := bytes.Clone(good)
	copy(huge[len(huge)-8:], "\xff\xff\xff\x7f")
	for want, data := range map[string][]byte{
		"0 bytes are no Parquet file":                nil,
		"not a Parquet file, or one that was cut":    good[:len(good)-1],
		"its metadata would be 2147483647 bytes of ": huge,
	} {
		path := filepath.Join(t.TempDir(), "f.parquet")
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenForeign(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// FuzzForeign reads damaged files: errors are fine, panics are not.
func FuzzForeign(f *testing.F) {
	data, err := os.ReadFile(writeForeign(f, &zstd.Codec{}, foreignRows(12)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data, uint16(7), byte(1))
	f.Add(data, uint16(len(data)-100), byte(255))
	f.Fuzz(func(t *testing.T, content []byte, at uint16, flip byte) {
		if len(content) == 0 {
			return
		}
		content = bytes.Clone(content)
		content[int(at)%len(content)] ^= flip
		path := filepath.Join(t.TempDir(), "f.parquet")
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		p, err := OpenForeign(path)
		if err != nil {
			return
		}
		defer p.Close()
		for g := range p.Groups() {
			for _, err := range p.Rows(g, p.Columns()) {
				if err != nil {
					break
				}
			}
		}
	})
}
