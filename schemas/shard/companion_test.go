package shard

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"longlora/schemas"
)

// TestCompanions reads back what a build put into reject/, and compares its hashes with the
// manifest's.
func TestCompanions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	b, err := Create(dir, Options{Kind: schemas.KindDocument, Name: "d"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[int]schemas.Dropped{}
	for _, i := range []int{7, 2} {
		w, err := NewDropped(b, i)
		if err != nil {
			t.Fatal(err)
		}
		want[i] = schemas.Dropped{DocID: fmt.Sprint("d", i), Text: "some text", Reason: "too short",
			Detail: "2 < 3", Licence: "MIT"}
		if err := w.Write(want[i]); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		b.Reject(want[i].DocID, "too short", "2 < 3")
	}
	if err := b.AddLines("hits.jsonl", func(w io.Writer) error {
		_, err := fmt.Fprint(w, "{}\n{}\n")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Publish(); err != nil {
		t.Fatal(err)
	}
	m, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int64{}
	for _, c := range m.Manifest().Companions {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(c.Path)))
		sum := sha256.Sum256(data)
		if err != nil || hex.EncodeToString(sum[:]) != c.SHA256 || int64(len(data)) != c.Bytes {
			t.Errorf("%s: sha256 %x, %d bytes, %v; the manifest says %+v", c.Path, sum, len(data), err, c)
		}
		rows[c.Path] = c.Rows
	}
	if want := (map[string]int64{
		"reject/dropped-00000-of-00002.parquet": 1, "reject/dropped-00001-of-00002.parquet": 1,
		"reject/hits.jsonl": 2, "reject/rejected.jsonl": 2,
	}); !reflect.DeepEqual(rows, want) {
		t.Errorf("companions %v, want %v", rows, want)
	}
	for place, index := range []int{2, 7} {
		got, err := parquet.ReadFile[schemas.Dropped](
			filepath.Join(dir, "reject", fmt.Sprintf("dropped-%05d-of-00002.parquet", place)))
		if err != nil || !reflect.DeepEqual(got, []schemas.Dropped{want[index]}) {
			t.Errorf("file %d: %+v, %v", place, got, err)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "reject")); err != nil || len(entries) != 4 {
		t.Errorf("%v, %v", entries, err)
	}
	if err := m.Verify(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "reject", "hits.jsonl"), []byte("{}\n{ }"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := m.Verify(context.Background()); err == nil ||
		!strings.Contains(err.Error(), "reject/hits.jsonl: sha256 is") {
		t.Errorf("a changed companion gives %v", err)
	}
}
