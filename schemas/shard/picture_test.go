package shard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"longlora/schemas"
)

// TestPicturesBelongToTheDataset writes the pictures that are drawn, shows them in the card and hashes
// them in the manifest.
func TestPicturesBelongToTheDataset(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	o := options(false)
	o.Draw = func(m *schemas.Manifest) ([]Picture, error) {
		return []Picture{{"x.svg", "Lengths", []byte(fmt.Sprintf("<svg>%d</svg>", len(m.Lengths)))}}, nil
	}
	write(t, dir, sequences(20), o, 0, 1)
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Verify(context.Background()); err != nil {
		t.Error(err)
	}
	readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil || !strings.Contains(string(readme), "![Lengths](card/x.svg)") {
		t.Errorf("the card shows no picture: %v", err)
	}
	path := filepath.Join(dir, "card", "x.svg")
	data, err := os.ReadFile(path)
	if want := fmt.Sprintf("<svg>%d</svg>", len(d.Manifest().Lengths)); string(data) != want || err != nil {
		t.Errorf("the picture is %q, want %q: %v", data, want, err)
	}
	if err := os.WriteFile(path, []byte("<svg>9</svg>"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := d.Verify(context.Background()); err == nil || !strings.Contains(err.Error(), "card/x.svg") {
		t.Errorf("a changed picture: %v", err)
	}
}

func TestPictureThatFailsFailsTheBuild(t *testing.T) {
	o := options(false)
	o.Draw = func(*schemas.Manifest) ([]Picture, error) { return nil, errors.New("no ink") }
	dir := filepath.Join(t.TempDir(), "d")
	b, err := Create(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Abort() //nolint:errcheck // the test is over
	w, err := NewFile[schemas.Sequence](b, "train", 0)
	if err == nil {
		err = errors.Join(w.Write(sequences(1)...), w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Publish(); err == nil || !strings.Contains(err.Error(), "draw the card: no ink") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a dataset is there: %v", err)
	}
}

// TestLengthsAreCounted: the bucket of each length is that which holds it, and files are summed up.
func TestLengthsAreCounted(t *testing.T) {
	a, b := &lengths{}, &lengths{}
	for _, n := range []int64{4, 7, 2, 0} {
		a.add(n)
	}
	for _, n := range []int64{8, 5} {
		b.add(n)
	}
	a.merge(b)
	want := []schemas.LengthBucket{
		{From: 0, To: 1, Count: 1}, {From: 1, To: 2}, {From: 2, To: 4, Count: 1, Total: 2},
		{From: 4, To: 8, Count: 3, Total: 16}, {From: 8, To: 16, Count: 1, Total: 8},
	}
	if got := a.list(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	b = &lengths{}
	b.add(1000)
	if got := b.list(); len(got) != 1 || got[0] != (schemas.LengthBucket{From: 512, To: 1024, Count: 1, Total: 1000}) {
		t.Errorf("got %v", got)
	}
	if got := (&lengths{}).list(); len(got) != 0 {
		t.Errorf("nothing is counted as %v", got)
	}
}
