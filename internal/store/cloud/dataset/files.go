package dataset

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"sync"

	"longlora/internal/store"
	"longlora/internal/store/cache"
	"longlora/schemas"
	"longlora/schemas/shard"
)

const (
	// mostManifest and mostOther bound files that are read into memory, in bytes.
	mostManifest = 1 << 30
	mostOther    = 256 << 20
	// ahead is how many files are fetched before somebody asks for them.
	ahead = 2
)

// files are those of a dataset in an object store. Shards and their row groups come through the cache,
// the few others through memory.
type files struct {
	store  store.Store
	folder string // within the store; "": the store itself
	cache  *cache.Cache
	bytes  int64 // of the cache

	manifest []byte
	shards   []schemas.File // as the manifest lists them
	numbers  map[string]int // of the shards by path

	mu       sync.Mutex
	fetching map[int]bool // shards that are fetched ahead right now
}

var (
	_ shard.Files       = (*files)(nil)
	_ shard.BlockReader = (*files)(nil)
)

func newFiles(ctx context.Context, place string, o Options) (*files, error) {
	s, err := store.Open(ctx, place, o.Stores)
	if err != nil {
		return nil, err
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = DefaultCacheBytes
	}
	c, err := newCache(o)
	if err != nil {
		return nil, err
	}
	return &files{store: s, cache: c, bytes: o.CacheBytes, fetching: map[int]bool{}}, nil
}

// readManifest reads the manifest with one request. Package shard checks it.
func (f *files) readManifest(ctx context.Context) error {
	data, err := store.ReadFile(ctx, f.store, f.name(schemas.ManifestName), mostManifest)
	if err != nil {
		return err
	}
	var m schemas.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("%s: not a manifest: %w; publish the dataset again", f, err)
	}
	f.manifest, f.shards, f.numbers = data, m.Files, map[string]int{}
	for i, s := range m.Files {
		f.numbers[s.Path] = i
	}
	return nil
}

func (f *files) name(name string) string { return path.Join(f.folder, name) }

// String is the dataset's URL.
func (f *files) String() string { return f.store.Place(f.folder) }

// Open opens a file. A shard is in the cache by then, whole and with the right hash; those after it
// are fetched meanwhile.
func (f *files) Open(ctx context.Context, name string) (shard.File, error) {
	if name == schemas.ManifestName {
		return memory{bytes.NewReader(f.manifest)}, nil
	}
	if i, ok := f.numbers[name]; ok {
		file, err := f.shard(ctx, i)
		if err != nil {
			return nil, err
		}
		f.fetchAhead(ctx, i)
		return local{file, f.shards[i].Bytes}, nil
	}
	data, err := store.ReadFile(ctx, f.store, f.name(name), mostOther)
	if err != nil {
		return nil, err
	}
	return memory{bytes.NewReader(data)}, nil
}

// shard returns the shard of a number out of the cache.
func (f *files) shard(ctx context.Context, i int) (*os.File, error) {
	s := f.shards[i]
	return f.cache.File(ctx, cache.Key{SHA256: s.SHA256, Size: s.Bytes},
		func(ctx context.Context, offset int64) (io.ReadCloser, error) {
			return f.store.Open(ctx, f.name(s.Path), offset)
		})
}

// ReadBlock returns a row group, by one range of its shard, which the cache keeps under the row group's
// hash. A shard that the cache holds whole is read instead.
func (f *files) ReadBlock(ctx context.Context, name string, offset int64, b schemas.Block) ([]byte,
	error) {
	data := make([]byte, b.Bytes)
	if f.readHeld(data, name, offset, b) {
		return data, nil
	}
	file, err := f.cache.File(ctx, cache.Key{SHA256: b.SHA256, Size: b.Bytes},
		func(ctx context.Context, at int64) (io.ReadCloser, error) {
			return f.store.OpenRange(ctx, f.name(name), offset+at, b.Bytes-at)
		})
	if err != nil {
		return nil, err
	}
	_, err = file.ReadAt(data, 0)
	return data, errors.Join(err, file.Close())
}

// readHeld reads a row group of a shard that the cache holds whole, and reports whether it is right.
func (f *files) readHeld(data []byte, name string, offset int64, b schemas.Block) bool {
	i, ok := f.numbers[name]
	if !ok {
		return false
	}
	file, err := f.cache.Unchecked(cache.Key{SHA256: f.shards[i].SHA256, Size: f.shards[i].Bytes})
	if err != nil {
		return false
	}
	defer file.Close()
	_, err = file.ReadAt(data, offset)
	sum := sha256.Sum256(data)
	return err == nil && hex.EncodeToString(sum[:]) == b.SHA256
}

// fetchAhead begins to fetch the shards after one, of the same split, if they all fit into the cache.
// What goes wrong shows when they are opened.
func (f *files) fetchAhead(ctx context.Context, i int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	room := f.bytes - f.shards[i].Bytes
	for n := i + 1; n <= i+ahead && n < len(f.shards) && f.shards[n].Split == f.shards[i].Split; n++ {
		if room -= f.shards[n].Bytes; room < 0 {
			break
		}
		if !f.fetching[n] {
			f.fetching[n] = true
			go f.fetch(ctx, n)
		}
	}
}

// fetch brings a shard into the cache.
func (f *files) fetch(ctx context.Context, n int) {
	if file, err := f.shard(ctx, n); err == nil {
		file.Close() //nolint:errcheck // it was only read
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.fetching, n)
}

// List lists the files directly in a folder.
func (f *files) List(ctx context.Context, folder string) (names []string, err error) {
	for file, err := range f.store.Walk(ctx) {
		if err != nil {
			return nil, err
		}
		name, ok := strings.CutPrefix(file.Name, f.folder+"/")
		if f.folder == "" {
			name, ok = file.Name, true
		}
		if ok && path.Dir(name) == folder {
			names = append(names, name)
		}
	}
	return names, nil
}

// memory is a file that was read whole.
type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

// local is a file of the cache.
type local struct {
	*os.File
	size int64
}

func (l local) Size() int64 { return l.size }
