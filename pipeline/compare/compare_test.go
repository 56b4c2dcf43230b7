package compare

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"longlora/schemas"
	"longlora/schemas/shard"
	"longlora/schemas/shard/shardtest"
)

// documents writes a dataset of documents, named by their texts, by split.
func documents(t *testing.T, config map[string]any, splits map[string][]string) *shard.Dataset {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "docs")
	var files []shardtest.File[schemas.Document]
	for split, texts := range splits {
		file := shardtest.File[schemas.Document]{Split: split}
		for _, text := range texts {
			d := schemas.Document{DocID: text, Source: "x", Licence: "MIT", Text: text}
			d.Seal()
			file.Rows = append(file.Rows, d)
		}
		files = append(files, file)
	}
	o := shard.Options{Kind: schemas.KindDocument, Name: "docs", Config: config}
	return shardtest.Write(t, dir, o, files...)
}

func run(t *testing.T, a, b *shard.Dataset) *Result {
	t.Helper()
	scratch := t.TempDir()
	r, err := Run(context.Background(), a, b, scratch)
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(scratch); len(left) != 0 || err != nil {
		t.Errorf("in the scratch folder are left %v, %v", left, err)
	}
	return r
}

func TestRows(t *testing.T) {
	type texts = map[string][]string
	for name, c := range map[string]struct {
		a, b texts
		want []Rows
	}{
		"equal": {texts{"train": {"a", "b"}}, texts{"train": {"a", "b"}},
			[]Rows{{Split: "train", Both: 2, FirstA: -1, FirstB: -1}}},
		"moved": {texts{"train": {"a", "b"}}, texts{"train": {"b", "a"}},
			[]Rows{{Split: "train", Both: 2, FirstA: -1, FirstB: -1, Moved: true}}},
		"more often": {texts{"train": {"a", "b", "a", "a"}}, texts{"train": {"a", "b"}},
			[]Rows{{Split: "train", Both: 2, OnlyA: 2, FirstA: 2, FirstB: -1}}},
		"other": {texts{"train": {"a", "b", "c"}}, texts{"train": {"d", "a", "c", "e"}},
			[]Rows{{Split: "train", Both: 2, OnlyA: 1, OnlyB: 2, FirstA: 1, FirstB: 0}}},
		"another split": {texts{"test": {"a"}, "train": {"b"}}, texts{"train": {"b", "a"}},
			[]Rows{
				{Split: "test", OnlyA: 1, FirstA: 0, FirstB: -1},
				{Split: "train", Both: 1, OnlyB: 1, FirstA: -1, FirstB: 1},
			}},
	} {
		r := run(t, documents(t, nil, c.a), documents(t, nil, c.b))
		if !reflect.DeepEqual(r.Rows, c.want) {
			t.Errorf("%s: got %+v, want %+v", name, r.Rows, c.want)
		}
		same := name == "equal"
		if r.SameRows() != same {
			t.Errorf("%s: same rows: %v", name, !same)
		}
	}
}

// TestManyRows counts again, by a map, what random datasets have in common.
func TestManyRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func() (texts []string) {
		for range 3000 {
			texts = append(texts, fmt.Sprint(rng.IntN(2000)))
		}
		return texts
	}
	a, b := pick(), pick()
	counts := map[string][2]int64{}
	for side, texts := range [][]string{a, b} {
		for _, text := range texts {
			n := counts[text]
			n[side]++
			counts[text] = n
		}
	}
	want := Rows{Split: "train"}
	for _, n := range counts {
		want.Both += min(n[0], n[1])
		want.OnlyA += max(n[0]-n[1], 0)
		want.OnlyB += max(n[1]-n[0], 0)
	}
	r := run(t, documents(t, nil, map[string][]string{"train": a}),
		documents(t, nil, map[string][]string{"train": b}))
	got := r.Rows[0]
	got.FirstA, got.FirstB = 0, 0
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestManifests(t *testing.T) {
	a := documents(t, map[string]any{"seed": 1, "only": "x"}, map[string][]string{"train": {"a"}})
	b := documents(t, map[string]any{"seed": 2}, map[string][]string{"train": {"a", "b"}})
	want := []Difference{
		{"config only", "x", "absent"}, {"config seed", "1", "2"},
		{"source x (MIT)", "1 rows, 0 tokens", "2 rows, 0 tokens"},
	}
	r := run(t, a, b)
	if !reflect.DeepEqual(r.Manifest, want) {
		t.Errorf("got %v, want %v", r.Manifest, want)
	}
	if r.Equal() || !run(t, a, a).Equal() {
		t.Error("a dataset equals another, or not itself")
	}
}
