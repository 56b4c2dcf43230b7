package eval

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"longlora/schemas"
	"longlora/schemas/shard"
	"longlora/schemas/shard/shardtest"
)

// TestSequences reads what was written, through Arrow records, and owns it after their release.
func TestSequences(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shards")
	want := []schemas.Sequence{sequence(0, 5, 3), sequence(50, 9), sequence(70, 2, 2, 2)}
	for i := range want {
		for n := range want[i].Docs {
			want[i].Docs[n].Licence = "MIT"
		}
	}
	d := shardtest.Write(t, dir, shard.Options{Kind: schemas.KindSequence, Name: "s"},
		shardtest.File[schemas.Sequence]{Split: "test", Rows: want})
	for _, limit := range []int{0, 1, 2, 3, 9} {
		r, err := d.Sequences(context.Background(), shard.SequenceOptions{Split: "test", BatchRows: 2})
		if err != nil {
			t.Fatal(err)
		}
		var got []schemas.Sequence
		for s, err := range Sequences(r, limit) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, s)
		}
		r.Release()
		n := len(want)
		if limit > 0 {
			n = min(limit, n)
		}
		if !slices.EqualFunc(got, want[:n], func(x, y schemas.Sequence) bool {
			return slices.Equal(x.InputIDs, y.InputIDs) && slices.Equal(x.DocLens, y.DocLens) &&
				slices.Equal(x.LossSpans, y.LossSpans) && slices.Equal(x.Docs, y.Docs)
		}) {
			t.Errorf("limit %d: got %+v", limit, got)
		}
	}
}

func TestSeen(t *testing.T) {
	file := func(text string) fstest.MapFS {
		return fstest.MapFS{"longlora.json": {Data: []byte(text)}}
	}
	got, err := Seen(file(`{"version": 1, "documents": ["a", "b"]}`))
	if err != nil || len(got) != 2 || !got["a"] || !got["b"] {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := Seen(fstest.MapFS{}); err != nil || len(got) != 0 {
		t.Errorf("no file: got %v, %v", got, err)
	}
	for sample, want := range map[string]string{"a": "a", "goroot:a/b#recall-3": "goroot:a/b"} {
		if got := Origin(sample); got != want {
			t.Errorf("origin of %s: got %s, want %s", sample, got, want)
		}
	}
	if _, err := Seen(file(`{"documents": 3}`)); err == nil {
		t.Error("a list that is none is read")
	}
}
