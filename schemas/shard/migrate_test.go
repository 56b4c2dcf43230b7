package shard

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestMigrate: a dataset of version 1 becomes what this build would have written.
func TestMigrate(t *testing.T) {
	dir, rows := filepath.Join(t.TempDir(), "d"), longSequences(60, 150_000)
	write(t, dir, rows, options(false), 0, 1)
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := d.Manifest()
	oldManifest(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte("digest "+mustOpen(t, dir).Digest), 0o666); err != nil {
		t.Fatal(err)
	}
	m, err := Migrate(context.Background(), dir)
	if err != nil || m.Digest != want.Digest || !reflect.DeepEqual(m.Files, want.Files) {
		t.Fatalf("got %+v, %v; want %+v", m, err, want)
	}
	card, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil || string(card) != "digest "+want.Digest {
		t.Errorf("the card says %s (%v)", card, err)
	}
	d, err = Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Verify(context.Background()); err != nil {
		t.Error(err)
	}
	oldManifest(t, dir)
	if err := flipByte(filepath.Join(dir, want.Files[0].Path), 99); err != nil {
		t.Fatal(err)
	}
	if _, err := Migrate(context.Background(), dir); err == nil || !strings.Contains(err.Error(), "sha256 is") {
		t.Errorf("damaged: %v", err)
	}
}

func mustOpen(t *testing.T, dir string) (m struct{ Digest string }) {
	t.Helper()
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	m.Digest = d.Manifest().Digest
	return m
}

func flipByte(path string, at int) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data[at] ^= 1
	return os.WriteFile(path, data, 0o666)
}

// TestHFColumns: the added columns change nothing for readers of sequences.
func TestHFColumns(t *testing.T) {
	dir, rows := filepath.Join(t.TempDir(), "d"), sequences(100)
	o := options(false)
	o.HFColumns = true
	write(t, dir, rows, o, 0, 1)
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Verify(context.Background()); err != nil {
		t.Error(err)
	}
	got, err := read(d, SequenceOptions{Split: "train"})
	if err != nil || !reflect.DeepEqual(got, texts(rows)) {
		t.Errorf("%d rows, %v", len(got), err)
	}
	var h hfSequence
	for _, s := range rows {
		h.fill(s)
		at := 0
		for doc, n := range s.DocLens {
			for p := range n {
				want := int32(hfIgnored)
				if span := s.LossSpans[doc]; int32(at) >= span.Start && int32(at) < span.End {
					want = s.InputIDs[at]
				}
				if h.Labels[at] != want || h.PositionIDs[at] != p || h.AttentionMask[at] != 1 {
					t.Fatalf("token %d: label %d, position %d, mask %d", at, h.Labels[at], h.PositionIDs[at],
						h.AttentionMask[at])
				}
				at++
			}
		}
	}
}
