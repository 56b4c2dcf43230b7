package source

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParquetErrors(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	writeParquet(t, dir, strings.Repeat("text ", 1000))
	good, err := os.ReadFile(filepath.Join(dir, "data", "train-00000-of-00001.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		content, field, want string
	}{
		"truncated":  {string(good[:len(good)/2]), "text", "read Parquet"},
		"no Parquet": {"PAR1 is not enough PAR1", "text", "read Parquet"},
		"no column":  {string(good), "body", `no column of text named "body"; it has doc_id, source, title`},
		"list":       {string(good), "meta.key_value.key", "no column of text"},
	} {
		root := t.TempDir()
		put(t, root, map[string]string{"x.parquet": c.content})
		o := Options{Path: root, Licence: "MIT", Fields: DefaultFields()}
		o.Fields.Text = c.field
		s := open(t, "parquet", o)
		var got error
		for u, err := range s.Units(context.Background()) {
			if got = err; err != nil {
				break
			}
			for _, err := range s.Read(context.Background(), u) {
				got = err
			}
		}
		if got == nil || !strings.Contains(got.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, got, c.want)
		}
	}
}
