// Package dataset opens datasets wherever they lie: in a folder, or in an object store through a cache
// of this machine. It may pin the digest that the dataset must have.
package dataset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"longlora/internal/store"
	"longlora/internal/store/cache"
	"longlora/schemas/shard"
)

// Options says how datasets of object stores are read. The zero value reads local ones.
type Options struct {
	Stores store.Options
	// Cache is the folder of the cache; empty means DefaultCache. CacheBytes is the most that it holds;
	// 0 means DefaultCacheBytes.
	Cache      string
	CacheBytes int64
}

// DefaultCacheBytes is the size of a cache that was given none.
const DefaultCacheBytes = 32 << 30

// DefaultCache is the folder that LONGLORA_CACHE names, or else one among the user's other caches.
func DefaultCache() (string, error) {
	if dir := os.Getenv("LONGLORA_CACHE"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cache: %w; set LONGLORA_CACHE to a folder", err)
	}
	return filepath.Join(dir, "longlora", "shards"), nil
}

// Location is where a dataset lies, and the digest that it must have.
type Location struct {
	// Place is a path or a URL.
	Place string
	// Digest is the dataset's, in lower-case hex; empty: any.
	Digest string
}

// pin is what may follow a location; a URL's parameters may stand behind it.
var pin = regexp.MustCompile(`@sha256:([^?/]*)(\?[^?]*)?$`)

// ParseLocation reads PLACE or PLACE@sha256:DIGEST.
func ParseLocation(s string) (Location, error) {
	m := pin.FindStringSubmatchIndex(s)
	if m == nil {
		return Location{Place: s}, nil
	}
	l := Location{Place: s[:m[0]], Digest: s[m[2]:m[3]]}
	if m[4] >= 0 {
		l.Place += s[m[4]:m[5]]
	}
	if !digestForm.MatchString(l.Digest) {
		return l, fmt.Errorf("dataset %s: a digest has 64 hexadecimal digits, %q has not", l.Place, l.Digest)
	}
	return l, nil
}

var digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Folder is the folder under a place to which the dataset of a digest is published.
func Folder(digest string) string { return "sha256-" + digest }

// Open opens the dataset at a location, PLACE or PLACE@sha256:DIGEST. A pinned one is looked for
// where Folder says, and else at the place itself. The digest is that of content that is checked by
// hash before it is used.
func Open(ctx context.Context, location string, o Options) (*shard.Dataset, error) {
	l, err := ParseLocation(location)
	if err != nil {
		return nil, err
	}
	if local, ok := l.local(); ok {
		d, err := shard.OpenFiles(ctx, shard.Folder(local))
		return l.check(d, err)
	}
	f, err := newFiles(ctx, l.Place, o)
	if err != nil {
		return nil, err
	}
	if err := f.find(ctx, l); err != nil {
		return nil, fmt.Errorf("open dataset: %w", err)
	}
	return l.check(shard.OpenFiles(ctx, f))
}

// Find returns the location of the folder that holds a dataset's files.
func Find(ctx context.Context, location string, stores store.Options) (string, error) {
	l, err := ParseLocation(location)
	if err != nil {
		return "", err
	}
	if local, ok := l.local(); ok {
		return local, nil
	}
	s, err := store.Open(ctx, l.Place, stores)
	if err != nil {
		return "", err
	}
	f := &files{store: s}
	if err := f.find(ctx, l); err != nil {
		return "", errors.Join(fmt.Errorf("open dataset: %w", err), s.Close())
	}
	if f.folder != "" {
		l.Place = store.Join(l.Place, f.folder)
	}
	return l.Place, s.Close()
}

// local returns the folder of a dataset on this machine.
func (l Location) local() (string, bool) {
	local, ok := store.Local(l.Place)
	if !ok {
		return "", false
	}
	published := filepath.Join(local, Folder(l.Digest))
	if _, err := os.Stat(published); err == nil {
		return published, true
	}
	return local, true
}

// find reads the manifest of the dataset at a location.
func (f *files) find(ctx context.Context, l Location) error {
	if l.Digest != "" {
		f.folder = Folder(l.Digest)
		err := f.readManifest(ctx)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		f.folder = ""
	}
	return f.orPublished(ctx, f.readManifest(ctx))
}

// check compares a dataset's digest with the pinned one.
func (l Location) check(d *shard.Dataset, err error) (*shard.Dataset, error) {
	if err != nil {
		return nil, err
	}
	if got := d.Manifest().Digest; l.Digest != "" && got != l.Digest {
		return nil, fmt.Errorf("open dataset: %s has digest %s, pinned is %s: the dataset was changed; "+
			"pin the new digest if that is what you want", d.Dir(), got, l.Digest)
	}
	return d, nil
}

// orPublished names the datasets that were published under a URL that holds none itself.
func (f *files) orPublished(ctx context.Context, err error) error {
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var found []string
	for file, err := range f.store.Walk(ctx) {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err != nil || len(found) == 3 {
			break
		}
		digest, ok := strings.CutPrefix(path.Dir(file.Name), "sha256-")
		if ok && path.Base(file.Name) == "manifest.json" && digestForm.MatchString(digest) {
			found = append(found, f.store.Location()+"@sha256:"+digest)
		}
	}
	if len(found) == 0 {
		return fmt.Errorf("%s is no dataset: it has no manifest.json; a publishing that was cut off "+
			"leaves none, run it again", f.store.Location())
	}
	return fmt.Errorf("%s holds published datasets, name one: %s", f.store.Location(),
		strings.Join(found, ", "))
}

// newCache opens the cache that the options describe.
func newCache(o Options) (*cache.Cache, error) {
	if o.Cache == "" {
		var err error
		if o.Cache, err = DefaultCache(); err != nil {
			return nil, err
		}
	}
	return cache.Open(o.Cache, o.CacheBytes)
}
