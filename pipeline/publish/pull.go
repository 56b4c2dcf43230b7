package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"longlora/internal/atomicfile"
	"longlora/internal/store"
	"longlora/internal/store/cache"
	"longlora/internal/store/cloud/dataset"
	"longlora/pipeline/pool"
	"longlora/schemas"
	"longlora/schemas/shard"
)

const (
	// pullSuffix ends the name of a dataset that is not whole yet; the next pull goes on with it.
	pullSuffix = ".pull"
	// mostCompanion bounds a file that is no shard, in bytes.
	mostCompanion = 1 << 30
)

// puller copies the files of one dataset to this machine.
type puller struct {
	o      Options
	from   store.Store
	dir    string
	shards map[string]cache.Key
	cache  *cache.Cache
}

// Pull copies the dataset at a location, which may be pinned, to a local folder that is not there yet.
// A pull that was cut off goes on where it was. Every row is verified before the folder gets its name.
func Pull(ctx context.Context, location, out string, stores store.Options, o Options) (
	m *schemas.Manifest, err error) {
	l, err := dataset.ParseLocation(location)
	if err != nil {
		return nil, err
	}
	out = filepath.Clean(out)
	if entries, err := os.ReadDir(out); err == nil && len(entries) > 0 {
		return nil, fmt.Errorf("pull to %s: it is there already; choose another folder", out)
	}
	if err := os.MkdirAll(out+pullSuffix, 0o777); err != nil {
		return nil, fmt.Errorf("pull: %w", err)
	}
	release, err := atomicfile.Lock(out)
	if err != nil {
		return nil, fmt.Errorf("pull: %w", err)
	}
	defer func() { err = errors.Join(err, release()) }()
	root, err := dataset.Find(ctx, location, stores)
	if err != nil {
		return nil, err
	}
	p := &puller{o: o, dir: out + pullSuffix, shards: map[string]cache.Key{}}
	if m, err = p.run(ctx, root, stores, l.Digest); err != nil {
		return nil, fmt.Errorf("pull %s: %w", l.Place, err)
	}
	if err := os.Remove(out); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("pull: %w", err)
	}
	err = syncTree(p.dir)
	if err == nil {
		err = os.Rename(p.dir, out)
	}
	if err == nil {
		err = syncPath(filepath.Dir(out))
	}
	if err != nil {
		return nil, fmt.Errorf("pull: %w", err)
	}
	return m, nil
}

// syncTree brings files and folders to the disk before their folder gets its name.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return syncPath(path)
	})
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (p *puller) run(ctx context.Context, root string, stores store.Options, pinned string) (
	_ *schemas.Manifest, err error) {
	if p.from, err = store.Open(ctx, root, stores); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.from.Close()) }()
	manifest, digest, err := p.readManifest(ctx, pinned)
	if err != nil {
		return nil, err
	}
	objects := filepath.Join(p.dir, ".objects-"+digest)
	if _, err := os.Stat(objects); err != nil { // nothing, or what is left of another dataset
		if err := os.RemoveAll(p.dir); err != nil {
			return nil, err
		}
	}
	if p.cache, err = cache.Open(objects, math.MaxInt64); err != nil {
		return nil, err
	}
	err = pool.Each(ctx, p.o.workers(), p.from.Walk(ctx), func() func(context.Context,
		store.File) error {
		return p.file
	})
	if err == nil {
		err = os.WriteFile(filepath.Join(p.dir, schemas.ManifestName), manifest, 0o666)
	}
	if err == nil {
		err = os.RemoveAll(objects)
	}
	if err != nil {
		return nil, err
	}
	d, err := shard.OpenFiles(ctx, shard.Folder(p.dir))
	if err != nil {
		return nil, err
	}
	return d.Manifest(), d.Verify(ctx)
}

// readManifest reads the manifest and notes its shards.
func (p *puller) readManifest(ctx context.Context, pinned string) (data []byte, digest string,
	err error) {
	data, err = store.ReadFile(ctx, p.from, schemas.ManifestName, mostCompanion)
	if err != nil {
		return nil, "", err
	}
	var m schemas.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, "", fmt.Errorf("%s: not a manifest: %w", p.from.Place(schemas.ManifestName), err)
	}
	if pinned != "" && m.Digest != pinned {
		return nil, "", fmt.Errorf("the dataset has digest %s, pinned is %s: it was changed", m.Digest, pinned)
	}
	for _, f := range m.Files {
		p.shards[f.Path] = cache.Key{SHA256: f.SHA256, Size: f.Bytes}
	}
	return data, m.Digest, nil
}

// file copies a file. Names come from the store's listing: none leads out of the folder.
func (p *puller) file(ctx context.Context, f store.File) error {
	if f.Problem != "" {
		return fmt.Errorf("%s: %s", p.from.Place(f.Name), f.Problem)
	}
	path := filepath.Join(p.dir, filepath.FromSlash(f.Name))
	if !filepath.IsLocal(filepath.FromSlash(f.Name)) {
		return fmt.Errorf("%s: its name leads out of the folder", p.from.Place(f.Name))
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	if key, ok := p.shards[f.Name]; ok {
		return p.shard(ctx, f.Name, path, key)
	}
	if f.Name == schemas.ManifestName {
		return nil
	}
	data, err := store.ReadFile(ctx, p.from, f.Name, mostCompanion)
	if err != nil {
		return err
	}
	p.o.progress(int64(len(data)))
	return os.WriteFile(path, data, 0o666)
}

// shard copies a shard unless an earlier pull did; its hash is right by then. Verify reads it again.
func (p *puller) shard(ctx context.Context, name, path string, key cache.Key) error {
	here, err := store.Open(ctx, path, store.Options{})
	if err != nil {
		return err
	}
	if sum, err := hashOf(ctx, here, ""); err == nil && sum == key.SHA256 {
		p.o.progress(key.Size)
		return nil
	}
	f, err := p.cache.File(ctx, key, func(ctx context.Context, offset int64) (io.ReadCloser, error) {
		return p.from.Open(ctx, name, offset)
	})
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	p.o.progress(key.Size)
	return os.Rename(f.Name(), path)
}
