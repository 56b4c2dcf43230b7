package cache

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"longlora/internal/atomicfile"
)

// entry is a file of the cache's folder.
type entry struct {
	path string
	size int64
	used time.Time
}

// makeRoom removes files, those not used for longest first, until size more bytes fit. One process at
// a time does so; a file that another reads stays readable for it.
func (c *Cache) makeRoom(ctx context.Context, size int64) error {
	release, err := c.waitLock(ctx, "room")
	if err != nil {
		return err
	}
	defer release() //nolint:errcheck // as in File
	entries, total, err := c.entries()
	if err != nil {
		return err
	}
	for _, e := range entries {
		if total+size <= c.limit {
			break
		}
		gone, err := c.drop(e)
		if err != nil {
			return err
		}
		if gone {
			total -= e.size
		}
	}
	return nil
}

// entries lists the files, those not used for longest first, and sums them up.
func (c *Cache) entries() (entries []entry, total int64, err error) {
	files, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, 0, err
	}
	for _, f := range files {
		if len(strings.TrimSuffix(f.Name(), partSuffix)) != 64 { // no file of ours
			continue
		}
		info, err := f.Info()
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		entries = append(entries, entry{filepath.Join(c.dir, f.Name()), info.Size(), info.ModTime()})
		total += info.Size()
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(a.used.Compare(b.used), strings.Compare(a.path, b.path))
	})
	return entries, total, nil
}

// drop removes a file unless somebody is fetching it, or, on systems where that matters, reads it.
func (c *Cache) drop(e entry) (gone bool, err error) {
	release, err := atomicfile.Lock(strings.TrimSuffix(e.path, partSuffix))
	if errors.Is(err, atomicfile.ErrLocked) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	err = remove(e.path)
	return err == nil, release()
}
