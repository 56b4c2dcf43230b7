// Package cache keeps files of object stores in a folder of this machine, named by what they hold. No
// byte is handed out before the file's SHA-256 was found right, and the folder keeps to a size: what
// was not used for longest goes first. Any number of processes may share a folder.
package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"longlora/internal/atomicfile"
)

// Cache is an open cache. Its methods may be called concurrently.
type Cache struct {
	dir   string
	limit int64

	mu      sync.Mutex
	trusted map[string]bool        // files whose hash this process found right
	busy    map[string]*sync.Mutex // of each file that was asked for

	room room
}

// partSuffix ends the name of a file that is not whole yet; the next that needs it goes on with it.
const partSuffix = ".part"

// Key says what a file must hold.
type Key struct {
	SHA256 string // lower-case hex
	Size   int64
}

// Fetch opens a file's content where it comes from, from a byte on.
type Fetch func(ctx context.Context, offset int64) (io.ReadCloser, error)

// Open opens a cache in a folder, which is made if need be, of at most limit bytes.
func Open(dir string, limit int64) (*Cache, error) {
	if limit <= 0 {
		return nil, fmt.Errorf("cache %s: its size is %d bytes, want more", dir, limit)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	return &Cache{
		dir: dir, limit: limit, trusted: map[string]bool{}, busy: map[string]*sync.Mutex{},
	}, nil
}

// File opens a file, which is fetched if the cache does not hold it or holds it damaged. It stays
// readable until it is closed, whatever the cache drops.
func (c *Cache) File(ctx context.Context, key Key, fetch Fetch) (*os.File, error) {
	if raw, err := hex.DecodeString(key.SHA256); err != nil || len(raw) != sha256.Size {
		return nil, fmt.Errorf("cache: %q is no SHA-256", key.SHA256) // nor may it lead out of the folder
	}
	if key.Size > c.limit {
		return nil, fmt.Errorf("cache %s: %d bytes are wanted, the cache holds at most %d; make it larger",
			c.dir, key.Size, c.limit)
	}
	busy := c.lockOf(key)
	busy.Lock()
	defer busy.Unlock()
	f, err := c.held(key)
	if err != nil || f != nil {
		return f, err
	}
	release, err := c.waitLock(ctx, key.SHA256)
	if err != nil {
		return nil, err
	}
	defer release() //nolint:errcheck // the lock is let go when its file is closed, whatever else
	if f, err := c.held(key); err != nil || f != nil {
		return f, err // another process was faster
	}
	if err := c.fetch(ctx, key, fetch); err != nil {
		return nil, fmt.Errorf("cache %s: %w", c.dir, err)
	}
	f, err = c.held(key)
	if err == nil && f == nil {
		err = fmt.Errorf("cache %s: others drop files faster than they are read; make it larger", c.dir)
	}
	return f, err
}

// Unchecked opens a file if the cache holds one of its name and size; its content may be damaged.
func (c *Cache) Unchecked(key Key) (*os.File, error) {
	f, err := os.Open(c.path(key))
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() != key.Size {
		err = os.ErrNotExist
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	c.use(key)
	return f, nil
}

// use notes when a file was used, which decides what goes first.
func (c *Cache) use(key Key) {
	now := time.Now()
	_ = os.Chtimes(c.path(key), now, now)
}

func (c *Cache) lockOf(key Key) *sync.Mutex {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy[key.SHA256] == nil {
		c.busy[key.SHA256] = new(sync.Mutex)
	}
	return c.busy[key.SHA256]
}

func (c *Cache) path(key Key) string { return filepath.Join(c.dir, key.SHA256) }

// held opens a file that the cache holds; nil if it holds none, or a damaged one, which is removed.
func (c *Cache) held(key Key) (*os.File, error) {
	f, err := os.Open(c.path(key))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	right, err := c.isRight(f, key)
	if err == nil && !right {
		return nil, errors.Join(f.Close(), remove(c.path(key)))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cache: %w", err), f.Close())
	}
	c.use(key)
	return f, nil
}

// isRight compares a file's size, and once its hash.
func (c *Cache) isRight(f *os.File, key Key) (bool, error) {
	info, err := f.Stat()
	if err != nil || info.Size() != key.Size {
		return false, err
	}
	c.mu.Lock()
	trusted := c.trusted[key.SHA256]
	c.mu.Unlock()
	if trusted {
		return true, nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, key.Size)); err != nil {
		return false, err
	}
	if sumOf(h) != key.SHA256 {
		return false, nil
	}
	c.trust(key)
	return true, nil
}

func (c *Cache) trust(key Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trusted[key.SHA256] = true
}

func sumOf(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// waitLock waits until no other process fetches the file.
func (c *Cache) waitLock(ctx context.Context, name string) (release func() error, err error) {
	for {
		release, err := atomicfile.Lock(filepath.Join(c.dir, name))
		if !errors.Is(err, atomicfile.ErrLocked) {
			return release, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// remove removes a file that may be gone already.
func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
