package shard

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"longlora/schemas"
	"longlora/schemas/ipc"
)

// Cache keeps decoded row groups of sequences in a folder, each as an Arrow IPC stream of one batch
// that is named BLOCK-CONTENT.arrow for the SHA-256 of the row group and its own. What does not fit
// its name is deleted and read from the dataset again. Files appear by one rename, so that processes
// may share the folder. Its methods may be called concurrently.
type Cache struct {
	dir   string
	limit int64

	mu      sync.Mutex
	entries map[string]*cacheEntry // by row group
	recent  []*cacheEntry          // the least recently used first
	bytes   int64
	stats   CacheStats
}

type cacheEntry struct {
	block, name string
	size        int64
}

// CacheStats says what a cache did.
type CacheStats struct {
	// Hits are row groups that it had, Misses those it had not, Damaged those it deleted.
	Hits, Misses, Damaged int64
	// Err is the first reason why something was not kept.
	Err error
}

var cacheName = regexp.MustCompile(`^([0-9a-f]{64})-([0-9a-f]{64})\.arrow$`)

// OpenCache opens a folder, which it makes if need be, for at most limit bytes.
func OpenCache(dir string, limit int64) (*Cache, error) {
	if limit <= 0 {
		return nil, fmt.Errorf("cache %s: a limit of %d bytes", dir, limit)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	listed, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	c := &Cache{dir: dir, limit: limit, entries: map[string]*cacheEntry{}}
	times := map[*cacheEntry]int64{}
	for _, e := range listed {
		match := cacheName.FindStringSubmatch(e.Name())
		info, err := e.Info()
		if match == nil || err != nil || c.entries[match[1]] != nil {
			continue // another process's, or not a cached row group
		}
		entry := &cacheEntry{match[1], e.Name(), info.Size()}
		times[entry] = info.ModTime().UnixNano()
		c.entries[entry.block] = entry
		c.recent = append(c.recent, entry)
		c.bytes += entry.size
	}
	slices.SortFunc(c.recent, func(a, b *cacheEntry) int { return int(times[a] - times[b]) })
	c.shrink(0)
	return c, nil
}

// Stats returns what the cache did so far.
func (c *Cache) Stats() CacheStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

// get returns a row group, nil where the cache has none or a damaged one.
func (c *Cache) get(b schemas.Block, mem memory.Allocator, schema *arrow.Schema) arrow.Record {
	c.mu.Lock()
	e := c.entries[b.SHA256]
	if e == nil {
		c.stats.Misses++
		c.mu.Unlock()
		return nil
	}
	i := slices.Index(c.recent, e)
	c.recent = append(slices.Delete(c.recent, i, i+1), e)
	c.mu.Unlock()
	record, err := c.read(e, mem, schema)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.stats.Damaged++
		c.remove(e)
		return nil
	}
	c.stats.Hits++
	return record
}

// read reads a cached row group and checks its hash.
func (c *Cache) read(e *cacheEntry, mem memory.Allocator, schema *arrow.Schema) (_ arrow.Record, err error) {
	f, err := os.Open(filepath.Join(c.dir, e.name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := sha256.New()
	tee := io.TeeReader(f, sum)
	r, err := ipc.NewReader(tee, ipc.Options{Allocator: mem, MaxMessage: max(e.size, 1)})
	if err != nil {
		return nil, err
	}
	defer r.Release()
	if !sameFields(r.Schema(), schema) || !r.Next() {
		return nil, errors.Join(errors.New("no row group"), r.Err())
	}
	record := array.NewRecord(schema, r.Record().Columns(), r.Record().NumRows())
	if _, err = io.Copy(io.Discard, tee); err == nil {
		if got := hex.EncodeToString(sum.Sum(nil)); e.name != e.block+"-"+got+".arrow" {
			err = fmt.Errorf("content %.12s of %s", got, e.name)
		}
	}
	if err != nil {
		record.Release()
		return nil, err
	}
	return record, nil
}

func sameFields(a, b *arrow.Schema) bool {
	return slices.EqualFunc(a.Fields(), b.Fields(), func(a, b arrow.Field) bool {
		return a.Name == b.Name && arrow.TypeEqual(a.Type, b.Type)
	})
}

// put keeps a row group if it fits.
func (c *Cache) put(b schemas.Block, record arrow.Record) {
	e, err := c.write(b, record)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && c.stats.Err == nil {
		c.stats.Err = fmt.Errorf("cache %s: %w", c.dir, err)
	}
	if err != nil || c.entries[b.SHA256] != nil {
		return
	}
	c.entries[b.SHA256] = e
	c.recent = append(c.recent, e)
	c.bytes += e.size
}

func (c *Cache) write(b schemas.Block, record arrow.Record) (_ *cacheEntry, err error) {
	f, err := os.CreateTemp(c.dir, "writing-*.tmp")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	sum := sha256.New()
	buffer := bufio.NewWriterSize(io.MultiWriter(f, sum), 1<<20)
	w := ipc.NewWriter(buffer, record.Schema(), ipc.Options{MaxMessage: c.limit})
	if err := errors.Join(w.Write(record), w.Close(), buffer.Flush()); err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	e := &cacheEntry{
		b.SHA256, fmt.Sprintf("%s-%x.arrow", b.SHA256, sum.Sum(nil)), info.Size(),
	}
	if !c.room(e.size) {
		return nil, fmt.Errorf("a row group of %d bytes is more than the limit of %d", e.size, c.limit)
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return e, os.Rename(f.Name(), filepath.Join(c.dir, e.name))
}

// room deletes the least recently used until size bytes fit.
func (c *Cache) room(size int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return size <= c.limit && c.shrink(size)
}

func (c *Cache) shrink(size int64) bool {
	for c.bytes+size > c.limit && len(c.recent) > 0 {
		c.remove(c.recent[0])
	}
	return c.bytes+size <= c.limit
}

// remove forgets an entry and deletes its file, unless another process did.
func (c *Cache) remove(e *cacheEntry) {
	if c.entries[e.block] != e {
		return
	}
	delete(c.entries, e.block)
	c.recent = slices.DeleteFunc(c.recent, func(o *cacheEntry) bool { return o == e })
	c.bytes -= e.size
	if err := os.Remove(filepath.Join(c.dir, e.name)); err != nil && !errors.Is(err, os.ErrNotExist) &&
		c.stats.Err == nil {
		c.stats.Err = fmt.Errorf("cache %s: %w", c.dir, err)
	}
}
