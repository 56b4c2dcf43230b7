package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"longlora/internal/store/cloud/s3test"
	"longlora/schemas"
	"longlora/schemas/order"
	"longlora/schemas/shard"
)

// blockRange is the request for a row group of a file: a range of just its bytes.
func blockRange(prefix string, f schemas.File, block int) string {
	begin := int64(len("PAR1"))
	for _, b := range f.Blocks[:block] {
		begin += b.Bytes
	}
	return fmt.Sprintf("GET /%s/%s/%s bytes=%d-%d", s3test.Bucket, prefix, f.Path, begin,
		begin+f.Blocks[block].Bytes-1)
}

func manifestOf(t *testing.T, dir string) (m *schemas.Manifest, bytes int64) {
	t.Helper()
	d, err := shard.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, schemas.ManifestName))
	if err != nil {
		t.Fatal(err)
	}
	return d.Manifest(), info.Size()
}

// TestFirstBatchTakesOneRange opens a pinned dataset at the beginning and in the middle of a shuffled
// epoch, with a server that answers the manifest and one range and lets all others wait, and wants the
// bytes of these two and no more.
func TestFirstBatchTakesOneRange(t *testing.T) {
	server := start(t)
	dir := buildLarge(t, 2, 150)
	m, manifest := manifestOf(t, dir)
	prefix := "x/" + Folder(m.Digest)
	upload(t, server, dir, prefix)
	var blocks []order.Block
	var names []string // of each block: its request
	var sizes []int64
	for _, f := range m.Files {
		for i, b := range f.Blocks {
			blocks = append(blocks, order.Block{Rows: b.Rows, Tokens: b.Tokens})
			names, sizes = append(names, blockRange(prefix, f, i)), append(sizes, b.Bytes)
		}
	}
	if len(blocks) != 6 {
		t.Fatalf("%d row groups, want 6", len(blocks))
	}
	for _, at := range []int64{0, 177} {
		var ranges atomic.Int64
		server.SetFault(func(_ http.ResponseWriter, r *http.Request, _ int) bool {
			if !strings.HasSuffix(r.URL.Path, ".parquet") || ranges.Add(1) == 1 {
				return false
			}
			<-r.Context().Done() // what is read ahead
			return true
		})
		ctx, cancel := context.WithCancel(context.Background())
		d, err := Open(ctx, "s3://"+s3test.Bucket+"/x@sha256:"+m.Digest, options(t))
		if err != nil {
			t.Fatal(err)
		}
		r, err := d.Sequences(ctx, shard.SequenceOptions{
			Split: "train", Shuffle: true, Seed: 5, Epoch: 1, Start: at,
		})
		if err != nil {
			t.Fatal(err)
		}
		if !r.Next() {
			t.Fatal(r.Err())
		}
		block, row := order.NewBlocks(m.Digest, 5, 1, blocks, true).At(at)
		want := []string{"GET /" + s3test.Bucket + "/" + prefix + "/manifest.json", names[block]}
		if got := server.Requests(); len(got) < 2 || !slices.Equal(got[:2], want) {
			t.Errorf("at %d: requests %q, want %q", at, got, want)
		}
		if got := server.Bytes(); got != manifest+sizes[block] {
			t.Errorf("at %d: %d bytes came, want %d of the manifest and %d of the row group", at, got,
				manifest, sizes[block])
		}
		ids := fileRow(t, dir, block, row)
		if got := shard.SequenceAt(r.Record(), 0).InputIDs; !slices.Equal(got, ids) {
			t.Errorf("at %d: got %v…, want %v…", at, got[:4], ids[:4])
		}
		cancel()
		r.Release()
	}
}

// fileRow returns the ids of a row of a block, read row by row from the folder.
func fileRow(t *testing.T, dir string, block int, row int64) []int32 {
	t.Helper()
	d, err := shard.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for number, f := range d.Manifest().Files {
		if block >= len(f.Blocks) {
			block -= len(f.Blocks)
			continue
		}
		for s, err := range shard.GroupRows[schemas.Sequence](context.Background(), d, number, block) {
			if err != nil {
				t.Fatal(err)
			}
			if row--; row < 0 {
				return s.InputIDs
			}
		}
	}
	t.Fatal("there is no such row")
	return nil
}

// TestEpochFetchesEachBlockOnce reads shuffled epochs with cold and warm caches, and with one that
// holds a shard whole.
func TestEpochFetchesEachBlockOnce(t *testing.T) {
	server := start(t)
	dir := buildLarge(t, 2, 100)
	m, manifest := manifestOf(t, dir)
	upload(t, server, dir, "x")
	url, o := "s3://"+s3test.Bucket+"/x", options(t)
	var all int64
	var want []string
	for _, f := range m.Files {
		for i, b := range f.Blocks {
			all += b.Bytes
			want = append(want, blockRange("x", f, i))
		}
	}
	epoch := func(o Options, epoch int64) {
		t.Helper()
		server.SetFault(nil)
		d, err := Open(context.Background(), url, o)
		if err != nil {
			t.Fatal(err)
		}
		r, err := d.Sequences(context.Background(), shard.SequenceOptions{
			Split: "train", Shuffle: true, Epoch: epoch,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Release()
		rows := 0
		for ; r.Next(); rows++ {
		}
		if r.Err() != nil || rows != 200 {
			t.Fatalf("%d rows, %v", rows, r.Err())
		}
	}
	epoch(o, 0)
	got := server.Requests()
	slices.Sort(got)
	slices.Sort(want)
	if len(got) != len(want)+1 || !slices.Equal(got[:len(want)], want) || server.Bytes() != manifest+all {
		t.Errorf("requests %q of %d bytes, want %q of %d", got, server.Bytes(), want, manifest+all)
	}
	epoch(o, 1)
	if got := server.Requests(); len(got) != 1 {
		t.Errorf("a warm cache took %q, want the manifest alone", got)
	}
	whole := options(t) // as verify leaves it
	d, err := Open(context.Background(), url, whole)
	if err == nil {
		err = d.Verify(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
	epoch(whole, 2)
	if got := server.Requests(); len(got) != 1 {
		t.Errorf("a cache with whole shards took %q, want the manifest alone", got)
	}
}

// TestDamagedBlock changes one byte of one row group upstream: the others are read, and no token of it
// is handed out.
func TestDamagedBlock(t *testing.T) {
	server := start(t)
	dir := buildLarge(t, 1, 150)
	m, _ := manifestOf(t, dir)
	upload(t, server, dir, "x")
	f := m.Files[0]
	data := []byte(server.Get(t, "x/"+f.Path))
	data[4+f.Blocks[0].Bytes+f.Blocks[1].Bytes/2] ^= 1
	server.Put(t, "x/"+f.Path, string(data))
	d, err := Open(context.Background(), "s3://"+s3test.Bucket+"/x", options(t))
	if err != nil {
		t.Fatal(err)
	}
	got, err := ids(t, d)
	if int64(len(got)) != f.Blocks[0].Rows || err == nil ||
		!strings.Contains(err.Error(), "row group 1") || !strings.Contains(err.Error(), "the manifest says") {
		t.Errorf("%d rows, want those of the first row group, %d: %v", len(got), f.Blocks[0].Rows, err)
	}
	r, err := d.Sequences(context.Background(), shard.SequenceOptions{
		Split: "train", Start: f.Blocks[0].Rows + f.Blocks[1].Rows,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	if !r.Next() {
		t.Errorf("the row group after the damaged one: %v", r.Err())
	}
	short := string(data[:f.Blocks[0].Bytes]) // an object that lost its end
	server.Put(t, "x/"+f.Path, short)
	d, err = Open(context.Background(), "s3://"+s3test.Bucket+"/x", options(t))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ids(t, d); len(got) != 0 || err == nil || strings.Contains(err.Error(), "\n") ||
		!strings.Contains(err.Error(), "publish the dataset again") {
		t.Errorf("%d rows of a shard that was cut, %v", len(got), err)
	}
}

// TestVersion1IsFetchedWhole reads a dataset whose manifest names no row groups.
func TestVersion1IsFetchedWhole(t *testing.T) {
	server := start(t)
	dir := build(t, 1)
	d, err := shard.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	want, err := ids(t, d)
	if err != nil {
		t.Fatal(err)
	}
	writeVersion1(t, dir, *d.Manifest())
	upload(t, server, dir, "x")
	server.SetFault(nil)
	if d, err = Open(context.Background(), "s3://"+s3test.Bucket+"/x", options(t)); err != nil {
		t.Fatal(err)
	}
	got, err := ids(t, d)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for _, r := range server.Requests() {
		if !strings.HasSuffix(r, "manifest.json") && !strings.HasSuffix(r, ".parquet bytes=0-") &&
			!strings.HasSuffix(r, ".parquet") {
			t.Errorf("request %q, want whole files", r)
		}
	}
}

// writeVersion1 writes the manifest that a build of version 1 would have written, as
// docs/format/manifest.md has it.
func writeVersion1(t *testing.T, dir string, m schemas.Manifest) {
	t.Helper()
	m.SchemaVersion, m.Files = 1, slices.Clone(m.Files)
	h := sha256.New()
	fmt.Fprintf(h, "version 1\nkind %s\nconfig %s\ntokenizer %s\n", m.Kind, m.ConfigDigest,
		m.Tokenizer.Digest)
	for i := range m.Files {
		m.Files[i].Blocks = nil
		fmt.Fprintf(h, "file %s %s\n", m.Files[i].Path, m.Files[i].SHA256)
	}
	m.Digest = fmt.Sprintf("%x", h.Sum(nil))
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, schemas.ManifestName), data, 0o666); err != nil {
		t.Fatal(err)
	}
}
