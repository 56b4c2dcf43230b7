package source

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"longlora/schemas/ipc"
)

// arrowOf is a stream of a record batch for each text; every second row has an id.
func arrowOf(t testing.TB, texts ...string) []byte {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "text", Type: arrow.BinaryTypes.String},
	}, nil)
	var b bytes.Buffer
	w := ipc.NewWriter(&b, schema, ipc.Options{})
	for i, text := range texts {
		rb := array.NewRecordBuilder(memory.NewGoAllocator(), schema)
		if i%2 == 0 {
			rb.Field(0).(*array.Int64Builder).Append(int64(i))
		} else {
			rb.Field(0).AppendNull()
		}
		rb.Field(1).(*array.StringBuilder).Append(text)
		record := rb.NewRecord()
		if err := w.Write(record); err != nil {
			t.Fatal(err)
		}
		record.Release()
		rb.Release()
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestArrow(t *testing.T) {
	dir := t.TempDir()
	whole := arrowOf(t, "first", "second")
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	o := Options{Path: write("a.arrow", whole), Licence: "MIT", Fields: DefaultFields()}
	check(t, outcomes(t, open(t, "arrow", o)), map[string]string{
		"arrow:0": "first", "arrow:a.arrow@1": "second",
	})
	for name, c := range map[string]struct {
		data []byte
		text string
		want string
	}{
		"cut.arrow":   {whole[:len(whole)-200], "text", "repair or remove"},
		"other.arrow": {[]byte("nothing of the kind"), "text", "repair or remove"},
		"field.arrow": {whole, "body", "no column of text"},
	} {
		o.Path, o.Fields.Text = write(name, c.data), c.text
		s := open(t, "arrow", o)
		var got error
		for _, err := range s.Read(context.Background(), units(t, s)[0]) {
			got = err
		}
		if got == nil || !strings.Contains(got.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, got, c.want)
		}
	}
}
