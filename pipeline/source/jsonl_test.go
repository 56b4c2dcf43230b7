package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const lines = `{"text":"one","id":"a","title":"T","url":"u","language":"en","licence":"CC0-1.0"}
{"text":"zw\u00f6lf\n","id":12}

{"id":"empty"}
{"text":null,"id":"null"}
["no object"]
{"text":"three","licence":"free beer"}
not JSON
{"text":"four"}  ` + "\r\n" + `{"text":"bad ` + "\xff" + `"}
{"text":"half`

// wantLines maps ids to outcomes. Lines without an id are named by the place where they begin.
func wantLines(name string) map[string]string {
	at := func(begin string) string {
		return fmt.Sprintf("jsonl:%s@%d", name, strings.Index(lines, "\n"+begin)+1)
	}
	return map[string]string{
		"jsonl:a": "one", "jsonl:12": "zwölf\n", "jsonl:empty": "no text: field text",
		"jsonl:null": "no text: field text",
		at(`["no`): "bad JSON: json: cannot unmarshal array into Go value of type " +
			"map[string]json.RawMessage",
		at(`{"text":"three`): `no licence: field licence holds "free beer"`,
		at("not JSON"):       "bad JSON: invalid character 'o' in literal null (expecting 'u')",
		at(`{"text":"four`):  "four",
		at(`{"text":"bad`):   "invalid UTF-8: byte 0xff at 13 of the line",
		at(`{"text":"half`):  "bad JSON: unexpected end of JSON input",
	}
}

func jsonlAt(t testing.TB, name string, content []byte) Source {
	t.Helper()
	root := t.TempDir()
	put(t, root, map[string]string{name: string(content)})
	return jsonlIn(t, root)
}

func jsonlIn(t testing.TB, root string) Source {
	t.Helper()
	s, err := openJSONL(context.Background(), Options{
		Path: root, Licence: "MIT", Language: "und", Fields: DefaultFields(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestJSONL(t *testing.T) {
	check(t, outcomes(t, jsonlAt(t, "x.jsonl", []byte(lines))), wantLines("x.jsonl"))
}

func compressed(t *testing.T, name string, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&b)
	if strings.HasSuffix(name, ".zst") {
		var err error
		if w, err = zstd.NewWriter(&b); err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.Write(content)
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestJSONLCompressed(t *testing.T) {
	for _, name := range []string{"x.jsonl.gz", "x.jsonl.zst"} {
		check(t, outcomes(t, jsonlAt(t, name, compressed(t, name, []byte(lines)))), wantLines(name))
	}
}

func TestJSONLDamagedCompression(t *testing.T) {
	long := []byte(strings.Repeat(lines[:strings.Index(lines, "\n")+1], 1000))
	for _, name := range []string{"x.jsonl.gz", "x.jsonl.zst"} {
		whole := compressed(t, name, long)
		flipped := bytes.Clone(whole)
		flipped[len(flipped)/2] ^= 1
		for damage, data := range map[string][]byte{
			"cut": whole[:len(whole)-6], "flipped": flipped, "empty": nil,
		} {
			s := jsonlAt(t, name, data)
			var got error
			for _, u := range units(t, s) {
				for _, err := range s.Read(context.Background(), u) {
					got = err
				}
			}
			if damage == "empty" && name == "x.jsonl.zst" {
				continue // an empty file is an empty zstd stream
			}
			if got == nil || !strings.Contains(got.Error(), "read "+name+": ") ||
				!strings.Contains(got.Error(), "repair or remove the file") {
				t.Errorf("%s %s: got %v", damage, name, got)
			}
		}
	}
}

// readCut reads a file as the parts between the given bounds.
func readCut(t testing.TB, s Source, bounds ...int64) (all []Item) {
	t.Helper()
	for i := 1; i < len(bounds); i++ {
		u := Unit{Parts: []Part{{Name: "x.jsonl", From: bounds[i-1], To: bounds[i]}}}
		for it, err := range s.Read(context.Background(), u) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, it)
		}
	}
	return all
}

// TestJSONLPartsMeet cuts the file at every byte: no line is lost or read twice.
func TestJSONLPartsMeet(t *testing.T) {
	s, size := jsonlAt(t, "x.jsonl", []byte(lines)), int64(len(lines))
	want := readCut(t, s, 0, size)
	for cut := int64(1); cut < size; cut++ {
		for _, second := range []int64{cut + 1, cut + 9} {
			if got := readCut(t, s, 0, cut, min(second, size), size); !reflect.DeepEqual(got, want) {
				t.Fatalf("cut at %d and %d: got %v, want %v", cut, second, got, want)
			}
		}
	}
}

func TestJSONLLargeFilesAreCut(t *testing.T) {
	root := t.TempDir()
	put(t, root, map[string]string{"x.jsonl": ""})
	if err := os.Truncate(filepath.Join(root, "x.jsonl"), 2*unitBytes+5); err != nil {
		t.Fatal(err)
	}
	s := open(t, "jsonl", Options{Path: root, Fields: DefaultFields()})
	var got []Part
	for _, u := range units(t, s) {
		got = append(got, u.Parts...)
	}
	want := []Part{
		{Name: "x.jsonl", From: 0, To: unitBytes}, {Name: "x.jsonl", From: unitBytes, To: 2 * unitBytes},
		{Name: "x.jsonl", From: 2 * unitBytes, To: 2*unitBytes + 5},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestNestedFields(t *testing.T) {
	o := Options{Licence: "MIT", Fields: DefaultFields()}
	o.Fields.Text, o.Fields.URL = "doc.body", "meta.source.url"
	s := jsonlSource{o: o}
	var it Item
	s.fill(&it, "", []byte(`{"doc":{"body":"x"},"meta":{"source":{"url":"there"}},"id":1}`))
	if it.Text != "x" || it.URL != "there" || it.Reason != "" {
		t.Errorf("got %+v", it)
	}
}

// TestLineReader passes over lines that are too long without keeping them.
func TestLineReader(t *testing.T) {
	long := strings.Repeat("x", 3<<20)
	l := newLineReader(strings.NewReader("ab\n"+long+"\n\ncd"), 0, 10)
	var got []string
	for {
		at := l.at
		line, err := l.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !errors.Is(err, errLongLine) {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(at, " ", string(line), " ", err))
	}
	want := []string{"0 ab <nil>", "3  line too long", "3145732  <nil>", "3145733 cd <nil>"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if cap(l.line) > 1<<20 {
		t.Errorf("the reader keeps %d bytes of a line of at most 10", cap(l.line))
	}
	l = newLineReader(strings.NewReader(long+"\nab"), 0, 10)
	l.end = 1 << 20
	if _, err := l.next(); !errors.Is(err, errLongLine) || l.at >= 2<<20 {
		t.Errorf("a line that goes on after the end is read up to %d, error %v", l.at, err)
	}
	l = newLineReader(strings.NewReader(long), 1, 10)
	if l.end = 1 << 20; l.skip() != nil || l.at < l.end || l.at >= 2<<20 {
		t.Errorf("the rest of a line that goes on after the end is read up to %d", l.at)
	}
}

// FuzzJSONL reads any bytes, whole and in two parts: it must not panic, and both ways must agree.
func FuzzJSONL(f *testing.F) {
	f.Add([]byte(lines), uint16(40))
	f.Add([]byte("{}\n{\"text\":\"\\ud800\"}\r\n\n"), uint16(3))
	root := f.TempDir() // one for all inputs, which come one after another
	s := jsonlIn(f, root)
	f.Fuzz(func(t *testing.T, content []byte, at uint16) {
		if len(content) < 2 {
			return
		}
		put(t, root, map[string]string{"x.jsonl": string(content)})
		size := int64(len(content))
		cut := 1 + int64(at)%(size-1)
		whole, parts := readCut(t, s, 0, size), readCut(t, s, 0, cut, size)
		if !reflect.DeepEqual(whole, parts) {
			t.Errorf("cut at %d: %v, whole: %v", cut, parts, whole)
		}
	})
}
