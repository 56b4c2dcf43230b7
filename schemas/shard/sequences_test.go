package shard

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"pgregory.net/rapid"

	"longlora/schemas"
)

// oldManifest rewrites a dataset's manifest as version 1 wrote it.
func oldManifest(t testing.TB, dir string) {
	t.Helper()
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	m := *d.manifest
	m.SchemaVersion = 1
	m.Files = nil
	for _, f := range d.manifest.Files {
		f.Blocks = nil
		m.Files = append(m.Files, f)
	}
	m.Digest = datasetDigest(&m)
	data, err := json.Marshal(m)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, schemas.ManifestName), data, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// read reads sequences as text and requires that all memory is given back.
func read(d *Dataset, o SequenceOptions) (rows []string, err error) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	o.Allocator = mem
	r, err := d.Sequences(context.Background(), o)
	if err != nil {
		return nil, err
	}
	for r.Next() {
		for i := range int(r.Record().NumRows()) {
			rows = append(rows, rowText(SequenceAt(r.Record(), i)))
		}
	}
	err = r.Err()
	r.Release()
	if n := mem.CurrentAlloc(); n != 0 {
		return nil, fmt.Errorf("%d bytes are not given back", n)
	}
	return rows, err
}

func texts(rows []schemas.Sequence) (all []string) {
	for _, s := range rows {
		all = append(all, rowText(s))
	}
	return all
}

// rowText tells sequences apart: a hash stands for the ids, of which there are many.
func rowText(s schemas.Sequence) string {
	h := fnv.New128a()
	b := make([]byte, 0, 4*len(s.InputIDs))
	for _, id := range s.InputIDs {
		b = binary.LittleEndian.AppendUint32(b, uint32(id))
	}
	h.Write(b)
	text := fmt.Sprintf("%d ids %x ", len(s.InputIDs), h.Sum(nil))
	s.InputIDs = nil
	return text + fmt.Sprint(s)
}

// longSequences are rows of which a few fill a row group.
func longSequences(n, tokens int) (rows []schemas.Sequence) {
	for i := range n {
		size := int32(tokens + 97*i)
		s := schemas.Sequence{
			DocLens: []int32{size}, NTokens: size, LossWeights: []float32{0.5},
			LossSpans: []schemas.LossSpan{{Start: 1, End: size}},
			Docs:      []schemas.DocRef{{SampleID: fmt.Sprint("é", i), Source: "s", Licence: "MIT", End: int64(size)}},
		}
		for t := range size {
			s.InputIDs = append(s.InputIDs, (t*int32(i+7)/3)%100)
		}
		rows = append(rows, s)
	}
	return rows
}

// TestVersionsReadAlike: datasets of version 1 still read, in file order the same.
func TestVersionsReadAlike(t *testing.T) {
	dir, rows := filepath.Join(t.TempDir(), "d"), longSequences(60, 150_000)
	write(t, dir, rows, options(false), 0, 1)
	want := texts(rows)
	for version := 2; version >= 1; version-- {
		d, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Manifest().SchemaVersion; got != version {
			t.Fatalf("version %d, want %d", got, version)
		}
		for _, batch := range []int{1, 13} {
			got, err := read(d, SequenceOptions{Split: "train", BatchRows: batch})
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("version %d, batches of %d: %d rows, %v", version, batch, len(got), err)
			}
		}
		shuffled, err := read(d, SequenceOptions{Split: "train", Shuffle: true, Seed: 1})
		if err != nil || len(shuffled) != len(want) || reflect.DeepEqual(shuffled, want) {
			t.Errorf("version %d, shuffled: %d rows, %v", version, len(shuffled), err)
		}
		if err := d.Verify(context.Background()); err != nil {
			t.Error(err)
		}
		oldManifest(t, dir)
	}
}

// TestRanksDealOneOrder: ranks of any world size, from any start, read the epoch between them.
func TestRanksDealOneOrder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	write(t, dir, sequences(200), options(false), 0, 1)
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		o := SequenceOptions{
			Split: "train", Shuffle: true, Seed: rapid.Uint64().Draw(t, "seed"),
			Epoch: rapid.Int64Range(0, 5).Draw(t, "epoch"),
		}
		whole, err := read(d, o)
		if err != nil {
			t.Fatal(err)
		}
		start, world := rapid.IntRange(0, 150).Draw(t, "start"), rapid.IntRange(1, 9).Draw(t, "world")
		got := make([]string, 200-start)
		for rank := range world {
			o.Start, o.Stride = int64(start+rank), int64(world)
			o.BatchRows = rapid.IntRange(1, 5).Draw(t, "batch")
			rows, err := read(d, o)
			if err != nil {
				t.Fatal(err)
			}
			for i, row := range rows {
				got[rank+i*world] = row
			}
		}
		if !reflect.DeepEqual(got, whole[start:]) {
			t.Fatalf("world %d from %d: another order", world, start)
		}
	})
}

// countingFiles counts what is read of a dataset.
type countingFiles struct {
	Folder
	opened, reads atomic.Int64
}

type countingFile struct {
	File
	of *countingFiles
}

func (f *countingFiles) Open(ctx context.Context, name string) (File, error) {
	f.opened.Add(1)
	file, err := f.Folder.Open(ctx, name)
	return countingFile{file, f}, err
}

func (f countingFile) ReadAt(p []byte, at int64) (int, error) {
	f.of.reads.Add(1)
	return f.File.ReadAt(p, at)
}

// TestFirstBatchTakesTwoReads: the manifest, and one range of one file.
func TestFirstBatchTakesTwoReads(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	write(t, dir, sequences(100), options(false), 0, 1)
	files := &countingFiles{Folder: Folder(dir)}
	d, err := OpenFiles(context.Background(), files)
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Sequences(context.Background(), SequenceOptions{Split: "train", Start: 0, Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	if !r.Next() {
		t.Fatal(r.Err())
	}
	if o, n := files.opened.Load(), files.reads.Load(); o != 2 || n != 2 {
		t.Errorf("%d files opened, %d reads; want 2 and 2", o, n)
	}
}

// TestDamageIsFoundBeforeUse: each byte of each row group that changes is found before a row of it is
// handed out; other row groups still read.
func TestDamageIsFoundBeforeUse(t *testing.T) {
	dir, rows := filepath.Join(t.TempDir(), "d"), sequences(20)
	write(t, dir, rows, options(false), 0, 1)
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	f := d.Manifest().Files[1]
	path := filepath.Join(dir, f.Path)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := int64(magicBytes); at < magicBytes+f.Blocks[0].Bytes; at += 7 {
		bad := append([]byte(nil), good...)
		bad[at] ^= 4
		if err := os.WriteFile(path, bad, 0o666); err != nil {
			t.Fatal(err)
		}
		got, err := read(d, SequenceOptions{Split: "train"})
		if err == nil || !strings.Contains(err.Error(), "sha256 is") || len(got) != 10 {
			t.Fatalf("byte %d: %d rows, error %v", at, len(got), err)
		}
	}
}

func TestNewerManifestIsRefused(t *testing.T) {
	_, err := parseManifest([]byte(`{"schema_version":3,"kind":"sequence"}`))
	const want = "schema version 3 is newer than the versions 1 to 2 that this build reads; read it " +
		"with the release that wrote it, or a later one"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestCache: row groups come from the cache bit-equal; damaged ones are read again; the limit holds.
func TestCache(t *testing.T) {
	root := t.TempDir()
	dir, rows := filepath.Join(root, "d"), longSequences(60, 150_000)
	write(t, dir, rows, options(false), 0, 1)
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	o := SequenceOptions{Split: "train", Shuffle: true, Seed: 3}
	want, err := read(d, o)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(root, "cache")
	check := func(limit, hits, misses, damaged int64) {
		t.Helper()
		c, err := OpenCache(folder, limit)
		if err != nil {
			t.Fatal(err)
		}
		o.Cache = c
		got, err := read(d, o)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("through the cache: other rows, %v", err)
		}
		s := c.Stats()
		if s.Hits != hits || s.Misses != misses || s.Damaged != damaged || s.Err != nil {
			t.Errorf("got %+v, want %d hits, %d misses, %d damaged", s, hits, misses, damaged)
		}
	}
	groups := int64(len(d.Manifest().Files[0].Blocks) + len(d.Manifest().Files[1].Blocks))
	check(1<<30, 0, groups, 0)
	check(1<<30, groups, 0, 0)
	names, err := filepath.Glob(filepath.Join(folder, "*.arrow"))
	if err != nil || int64(len(names)) != groups {
		t.Fatalf("%d files of %d, %v", len(names), groups, err)
	}
	data, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(names[0], data, 0o666); err != nil {
		t.Fatal(err)
	}
	check(1<<30, groups-1, 0, 1)
	limit := 2*int64(len(data)) + 1000
	o.Cache, err = OpenCache(folder, limit)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := read(d, o); err != nil {
		t.Fatal(err)
	}
	var size int64
	names, _ = filepath.Glob(filepath.Join(folder, "*"))
	for _, n := range names {
		info, err := os.Stat(n)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size > limit {
		t.Errorf("%d bytes in the cache, the limit is %d", size, limit)
	}
}

// FuzzPages changes bytes of a row group: an error or valid rows, no panic.
func FuzzPages(f *testing.F) {
	dir := filepath.Join(f.TempDir(), "d")
	b, err := Create(dir, options(false))
	if err != nil {
		f.Fatal(err)
	}
	w, err := NewFile[schemas.Sequence](b, "train", 0)
	if err == nil {
		err = w.Write(sequences(9)...)
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		_, err = b.Publish()
	}
	if err != nil {
		f.Fatal(err)
	}
	d, err := Open(dir)
	if err != nil {
		f.Fatal(err)
	}
	l := newLayout(d, SequenceOptions{})
	data, err := l.read(context.Background(), groupKey{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	schema := ArrowSchema(d.manifest)
	z, err := newDecoder()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		r, err := decodeRecord(z, mem, schema, data, 9, 5000)
		if err == nil {
			if err := checkRecord(r, 100); err == nil {
				_ = fmt.Sprint(r)
			}
			r.Release()
		}
		mem.AssertSize(t, 0)
	})
}
