package export

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"longlora/schemas"
	"longlora/schemas/shard"
)

func dataset(t *testing.T) *shard.Dataset {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "examples")
	b, err := shard.Create(dir, shard.Options{Kind: schemas.KindExample, Name: "examples"})
	if err != nil {
		t.Fatal(err)
	}
	for _, split := range []string{"test", "train"} {
		w, err := shard.NewFile[schemas.Example](b, split, 0)
		for _, first := range []bool{true, false} {
			if err == nil {
				err = w.Write(schemas.Example{
					ID: split, Licence: "MIT", Split: split, QuestionFirst: first,
					Instruction: "Is \"a\" < b?", Context: "a & b\n", Output: "Yes, é.",
				})
			}
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Publish(); err != nil {
		t.Fatal(err)
	}
	d, err := shard.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestLongAlpaca(t *testing.T) {
	f, err := Find("longalpaca")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "out.json")
	n, err := Write(t.Context(), dataset(t), "train", f, path)
	if err != nil || n != 2 {
		t.Fatalf("%d rows, %v", n, err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got []map[string]string
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	want := []map[string]string{
		{"instruction": "Is \"a\" < b?\n\na & b\n", "output": "Yes, é."},
		{"instruction": "a & b\n\nIs \"a\" < b?", "output": "Yes, é."},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
	if !strings.Contains(string(data), "< b") {
		t.Error("< is escaped, for no reason")
	}
}

func TestWriteRefuses(t *testing.T) {
	f := formats[0]
	path := filepath.Join(t.TempDir(), "out.json")
	if _, err := Write(t.Context(), dataset(t), "dev", f, path); err == nil ||
		!strings.Contains(err.Error(), "has the splits [test train]") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was written")
	}
	if _, err := Find("csv"); err == nil {
		t.Error("an unknown format was found")
	}
}
