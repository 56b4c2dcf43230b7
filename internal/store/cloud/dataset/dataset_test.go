package dataset

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"longlora/internal/store"
	"longlora/internal/store/cloud"
	"longlora/internal/store/cloud/s3test"
	"longlora/schemas"
	"longlora/schemas/shard"
	"longlora/schemas/shard/shardtest"
)

const rowsPerFile = 5

// build makes a dataset of sequences in three files; salt makes it another.
func build(t testing.TB, salt int32) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "seq")
	o := shard.Options{
		Kind: schemas.KindSequence, Name: "seq", TokenizerFile: []byte("{}"),
		Tokenizer: &schemas.TokenizerRef{
			Name: "t", VocabSize: 1000,
			Digest: "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
		},
	}
	var files []shardtest.File[schemas.Sequence]
	for i := range 3 {
		file := shardtest.File[schemas.Sequence]{Split: "train"}
		for r := range rowsPerFile {
			file.Rows = append(file.Rows, schemas.Sequence{
				InputIDs: []int32{int32(i), int32(r), salt}, DocLens: []int32{3},
				LossSpans:   []schemas.LossSpan{{Start: 1, End: 3}},
				Docs:        []schemas.DocRef{{SampleID: "s", Source: "x", Licence: "MIT", End: 3}},
				LossWeights: []float32{1}, NTokens: 3,
			})
		}
		files = append(files, file)
	}
	shardtest.Write(t, dir, o, files...)
	return dir
}

// upload copies a dataset to a prefix of the server's bucket and returns its digest.
func upload(t testing.TB, s *s3test.Server, dir, prefix string) string {
	t.Helper()
	for name, content := range shardtest.Contents(t, dir) {
		s.Put(t, path.Join(prefix, name), content)
	}
	d, err := shard.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return d.Manifest().Digest
}

func options(t testing.TB) Options {
	return Options{
		Cache: t.TempDir(),
		Stores: store.Options{
			Drivers: cloud.Drivers(),
			Retry: store.Retry{
				Tries: 3, First: time.Millisecond, Most: time.Millisecond, Idle: 10 * time.Second,
			},
		},
	}
}

func start(t *testing.T) *s3test.Server {
	t.Helper()
	s := s3test.Start(t)
	s.Use(t)
	return s
}

// ids reads all sequences and returns their ids.
func ids(t *testing.T, d *shard.Dataset) (all [][]int32, err error) {
	t.Helper()
	r, err := d.Sequences(context.Background(), shard.SequenceOptions{Split: "train"})
	if err != nil {
		return nil, err
	}
	defer r.Release()
	for r.Next() {
		all = append(all, append([]int32(nil), shard.SequenceAt(r.Record(), 0).InputIDs...))
	}
	return all, r.Err()
}

// TestRemoteEqualsLocal reads a dataset from its folder, plain and pinned URLs, with and without what
// an earlier reader left in the cache.
func TestRemoteEqualsLocal(t *testing.T) {
	server := start(t)
	dir := build(t, 1)
	digest := upload(t, server, dir, "plain")
	upload(t, server, dir, "x/"+Folder(digest))
	bucket, o := "s3://"+s3test.Bucket, options(t)
	d, err := shard.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	want, err := ids(t, d)
	if err != nil || len(want) != 3*rowsPerFile {
		t.Fatalf("%d rows, %v", len(want), err)
	}
	for _, location := range []string{
		dir, dir + "@sha256:" + digest, "file://" + filepath.ToSlash(dir), bucket + "/plain",
		bucket + "/plain/@sha256:" + digest, bucket + "/x@sha256:" + digest, bucket + "/x/" + Folder(digest),
		bucket + "/x@sha256:" + digest + "?region=eu-west-1",
	} {
		d, err := Open(context.Background(), location, o)
		if err != nil {
			t.Errorf("%s: %v", location, err)
			continue
		}
		got, err := ids(t, d)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, %v", location, got, err)
		}
		if err := d.Verify(context.Background()); err != nil {
			t.Errorf("%s: %v", location, err)
		}
	}
	server.SetFault(nil)
	d, err = Open(context.Background(), bucket+"/plain", o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ids(t, d); err != nil || len(server.Requests()) != 1 {
		t.Errorf("a cached dataset took %v, want the manifest alone: %v", server.Requests(), err)
	}
}

func TestRefusals(t *testing.T) {
	server := start(t)
	first, second := build(t, 1), build(t, 2)
	pinned := upload(t, server, first, "x")
	now := upload(t, server, second, "x")
	upload(t, server, first, "shop/"+Folder(pinned))
	upload(t, server, first, "cut/"+Folder(pinned))
	bucket := "s3://" + s3test.Bucket
	for location, want := range map[string][]string{
		bucket + "/x@sha256:" + pinned:          {"has digest " + now, "pinned is " + pinned},
		second + "@sha256:" + pinned:            {"has digest " + now, "pinned is " + pinned},
		bucket + "/x@sha256:12":                 {"64 hexadecimal digits"},
		bucket + "/none":                        {"/none is no dataset: it has no manifest.json"},
		bucket + "/none@sha256:" + pinned:       {"/none is no dataset"},
		bucket + "/shop":                        {"published datasets", "/shop@sha256:" + pinned},
		"s3://elsewhere/x":                      {"check the bucket's name"},
		filepath.Join(first, "data"):            {"is no dataset"},
		"ftp://" + s3test.Bucket + "/x":         {`no store has the scheme "ftp"`},
		bucket + "/x@sha256:" + pinned + "?x=1": {"unknown query parameter"},
	} {
		_, err := Open(context.Background(), location, options(t))
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: got %v, want %q", location, err, w)
			}
		}
	}
}

// TestDamageIsFound changes a bit upstream, and one in the cache.
func TestDamageIsFound(t *testing.T) {
	server := start(t)
	upload(t, server, build(t, 1), "x")
	url, o := "s3://"+s3test.Bucket+"/x", options(t)
	const name = "x/data/train-00001-of-00003.parquet"
	good := server.Get(t, name)
	server.Put(t, name, good[:100]+string(good[100]^1)+good[101:])
	d, err := Open(context.Background(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ids(t, d)
	if len(got) != rowsPerFile || err == nil || !strings.Contains(err.Error(), "the manifest says") {
		t.Errorf("read %d rows of a damaged shard, %v", len(got), err)
	}
	server.Put(t, name, good)
	entries, err := os.ReadDir(o.Cache)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		p := filepath.Join(o.Cache, e.Name())
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > 0 {
			data[len(data)/2] ^= 1
		}
		if err := os.WriteFile(p, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if d, err = Open(context.Background(), url, o); err != nil {
		t.Fatal(err)
	}
	if got, err = ids(t, d); len(got) != 3*rowsPerFile || err != nil {
		t.Errorf("read %d rows after the cache was damaged, %v", len(got), err)
	}
}

// TestSmallCache reads a dataset through a cache that holds one shard, with a server that fails.
func TestSmallCache(t *testing.T) {
	server := start(t)
	dir := build(t, 1)
	upload(t, server, dir, "x")
	info, err := os.Stat(filepath.Join(dir, "data", "train-00000-of-00003.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	o := options(t)
	o.CacheBytes = info.Size() + 100
	server.SetFault(func(w http.ResponseWriter, r *http.Request, n int) bool {
		if n%3 == 1 {
			server.Cut(w, r, 200)
		}
		return n%3 == 1
	})
	d, err := Open(context.Background(), "s3://"+s3test.Bucket+"/x", o)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ids(t, d); len(got) != 3*rowsPerFile || err != nil {
		t.Errorf("read %d rows, %v", len(got), err)
	}
	o.CacheBytes = 10
	if d, err = Open(context.Background(), "s3://"+s3test.Bucket+"/x", o); err != nil {
		t.Fatal(err)
	}
	if _, err := ids(t, d); err == nil || !strings.Contains(err.Error(), "make it larger") {
		t.Errorf("a cache that holds no shard: %v", err)
	}
}
