package ipc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// everything has a column of each kind of layout that is read.
var everything = func() *arrow.Schema {
	i32, str := arrow.PrimitiveTypes.Int32, arrow.BinaryTypes.String
	pair := arrow.StructOf(arrow.Field{Name: "a", Type: i32}, arrow.Field{Name: "b", Type: str})
	types := []arrow.DataType{
		arrow.FixedWidthTypes.Boolean, i32, arrow.PrimitiveTypes.Float64, str,
		arrow.BinaryTypes.LargeString, arrow.BinaryTypes.Binary, arrow.ListOf(i32),
		arrow.LargeListOf(str), arrow.ListOfNonNullable(pair), pair, arrow.FixedSizeListOf(2, i32),
		arrow.MapOf(str, i32), &arrow.FixedSizeBinaryType{ByteWidth: 3},
		arrow.FixedWidthTypes.Timestamp_us, arrow.Null,
		&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: str},
	}
	var fields []arrow.Field
	for i, t := range types {
		fields = append(fields, arrow.Field{Name: fmt.Sprintf("c%d", i), Type: t, Nullable: true})
	}
	meta := arrow.MetadataFrom(map[string]string{"key": "value"})
	return arrow.NewSchema(fields, &meta)
}()

// rowsJSON are rows of everything, nulls and empty values included.
const rowsJSON = `[
{"c0":true,"c1":7,"c2":0.5,"c3":"x","c4":"large","c5":"aGk=","c6":[1,null,3],"c7":["p","q"],
 "c8":[{"a":1,"b":"u"},{"a":2,"b":"v"}],"c9":{"a":3,"b":"w"},"c10":[8,9],
 "c11":[{"key":"k","value":1}],"c12":"YWJj","c13":"2024-01-02 03:04:05","c14":null,"c15":"one"},
{"c6":[],"c7":[],"c8":[],"c15":"two"},
{"c0":false,"c1":-1,"c3":"","c6":[4],"c7":[""],"c8":[{"a":5,"b":""}],"c10":[1,2],"c15":"one"},
{"c0":true,"c1":9,"c2":-2,"c3":"yz","c6":null,"c9":{"a":4,"b":"r"},"c12":"eHl6","c15":null}]`

func record(t testing.TB, mem memory.Allocator) arrow.Record {
	t.Helper()
	r, _, err := array.RecordFromJSON(mem, everything, strings.NewReader(rowsJSON))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func written(t testing.TB, batches ...arrow.Record) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b, batches[0].Schema(), Options{})
	for _, r := range batches {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// readAll reads a stream and uses every value of it.
func readAll(data []byte, o Options) (texts []string, err error) {
	r, err := NewReader(bytes.NewReader(data), o)
	if err != nil {
		return nil, err
	}
	defer r.Release()
	for r.Next() {
		if r.Record().NumRows() > 1000 { // of no bytes each
			continue
		}
		text, err := r.Record().MarshalJSON()
		if err != nil {
			return nil, err
		}
		texts = append(texts, string(text)+fmt.Sprint(r.Record()))
	}
	return texts, r.Err()
}

func TestRoundTrip(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	whole := record(t, mem)
	defer whole.Release()
	for from := range int64(4) {
		for to := from; to <= 4; to++ {
			part := whole.NewSlice(from, to)
			data := written(t, part, whole, part)
			r, err := NewReader(bytes.NewReader(data), Options{Allocator: mem})
			if err != nil {
				t.Fatal(err)
			}
			if !r.Schema().Equal(everything) || r.Schema().Metadata().Len() != 1 {
				t.Errorf("schema %v", r.Schema())
			}
			for i, want := range []arrow.Record{part, whole, part} {
				if !r.Next() {
					t.Fatalf("rows [%d, %d): batch %d: %v", from, to, i, r.Err())
				}
				if !array.RecordEqual(r.Record(), want) {
					t.Errorf("rows [%d, %d): got %v, want %v", from, to, r.Record(), want)
				}
			}
			if r.Next() || r.Err() != nil {
				t.Errorf("after the last batch: %v", r.Err())
			}
			r.Release()
			part.Release()
		}
	}
}

// TestFilesAndCompression reads what the library writes as a file, and compressed.
func TestFilesAndCompression(t *testing.T) {
	want := record(t, memory.NewGoAllocator())
	for _, option := range []ipc.Option{ipc.WithZstd(), ipc.WithLZ4(), ipc.WithMinSpaceSavings(0)} {
		var file seekable
		w, err := ipc.NewFileWriter(&file, ipc.WithSchema(everything), option)
		if err == nil {
			err = errors.Join(w.Write(want), w.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		r, err := NewReader(bytes.NewReader(file.Bytes()), Options{Allocator: mem})
		if err != nil {
			t.Fatal(err)
		}
		if !r.Next() || !array.RecordEqual(r.Record(), want) || r.Next() || r.Err() != nil {
			t.Errorf("got %v, error %v", r.Record(), r.Err())
		}
		r.Release()
		mem.AssertSize(t, 0)
	}
}

type seekable struct{ bytes.Buffer }

func (s *seekable) Seek(int64, int) (int64, error) { return int64(s.Len()), nil }

func TestLimits(t *testing.T) {
	data := written(t, record(t, memory.NewGoAllocator()))
	if _, err := readAll(data, Options{MaxMessage: 64}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("reading beyond the limit: %v", err)
	}
	b := array.NewInt32Builder(memory.NewGoAllocator())
	b.AppendValues(make([]int32, mostMetadata/2), nil)
	column := b.NewArray()
	schema := arrow.NewSchema([]arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Int32}}, nil)
	w := NewWriter(io.Discard, schema, Options{MaxMessage: 1 << 20})
	if err := w.Write(array.NewRecord(schema, []arrow.Array{column}, int64(column.Len()))); !errors.Is(
		err, ErrTooLarge) {
		t.Errorf("writing beyond the limit: %v", err)
	}
}

// TestLiesAboutLength claims a gigabyte that is not there.
func TestLiesAboutLength(t *testing.T) {
	for _, prefix := range []string{"\xff\xff\xff\xff\x00\x00\x00\x03", "\x00\x00\x00\x02"} {
		allocated := testing.Benchmark(func(b *testing.B) {
			for range b.N {
				if _, err := readAll([]byte(prefix+"abc"), Options{}); !errors.Is(err, ErrMalformed) {
					b.Fatalf("%q: %v", prefix, err)
				}
			}
		}).AllocedBytesPerOp()
		if allocated > 2*growth {
			t.Errorf("%q: %d bytes allocated", prefix, allocated)
		}
	}
}

// TestDamage cuts a stream at every byte and flips every one: an error or other values, no panic.
func TestDamage(t *testing.T) {
	data := written(t, record(t, memory.NewGoAllocator()))
	for i := range data {
		if texts, err := readAll(data[:i], Options{}); err == nil && len(texts) > 0 && i < len(data)-8 {
			t.Errorf("cut after %d of %d bytes: no error", i, len(data))
		}
		for _, flip := range []byte{1, 0x80, 0xff} {
			bad := bytes.Clone(data)
			bad[i] ^= flip
			if _, err := readAll(bad, Options{MaxMessage: 1 << 16}); err != nil &&
				!errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooLarge) {
				t.Errorf("byte %d: error of another kind: %v", i, err)
			}
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(written(f, record(f, memory.NewGoAllocator())))
	f.Add([]byte(fileMagic))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = readAll(data, Options{MaxMessage: 1 << 16})
	})
}
