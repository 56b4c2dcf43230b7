package cache

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"longlora/internal/atomicfile"
)

// room is what a process knows of the cache's folder since it last listed it: row groups are small and
// many, so the folder is not listed for each.
type room struct {
	mu     sync.Mutex
	listed bool
	total  int64   // bytes at the listing, more what was fetched since, less what was dropped
	added  int64   // bytes fetched since the listing
	oldest []entry // those not used for longest first
}

// staleShare is the share of a cache's limit after which its folder is listed again: other processes
// may have filled it meanwhile by as much each.
const staleShare = 64

// entry is a file of the cache's folder.
type entry struct {
	path string
	size int64
	used time.Time
}

// makeRoom removes files, those not used for longest first, until size more bytes fit. One process at
// a time does so; a file that another reads stays readable for it.
func (c *Cache) makeRoom(ctx context.Context, size int64) error {
	r := &c.room
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.listed || r.added+size > c.limit/staleShare {
		if err := c.list(); err != nil {
			return err
		}
	}
	if r.total+size > c.limit {
		if err := c.shrink(ctx, size); err != nil {
			return err
		}
	}
	r.total, r.added = r.total+size, r.added+size
	return nil
}

// list counts what lies in the folder.
func (c *Cache) list() (err error) {
	r := &c.room
	r.oldest, r.total, err = c.entries()
	r.listed, r.added = err == nil, 0
	return err
}

// shrink drops files until size more bytes fit, or all that may go are gone.
func (c *Cache) shrink(ctx context.Context, size int64) error {
	release, err := c.waitLock(ctx, "room")
	if err != nil {
		return err
	}
	defer release() //nolint:errcheck // as in File
	r := &c.room
	for again := r.added > 0; r.total+size > c.limit; {
		if len(r.oldest) == 0 {
			if !again {
				return nil
			}
			again = false
			if err := c.list(); err != nil {
				return err
			}
			continue
		}
		e := r.oldest[0]
		r.oldest = r.oldest[1:]
		gone, err := c.drop(e)
		if err != nil {
			return err
		}
		if gone {
			r.total -= e.size
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

// drop removes a file unless it was used since it was listed, or somebody is fetching it, or, on
// systems where that matters, reads it.
func (c *Cache) drop(e entry) (gone bool, err error) {
	info, err := os.Stat(e.path)
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if !info.ModTime().Equal(e.used) {
		return false, nil
	}
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
