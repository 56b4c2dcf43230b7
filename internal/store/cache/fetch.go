package cache

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
)

// errWrong reports content that is not what was asked for.
var errWrong = errors.New("wrong content")

// fetch brings a file into the cache. Content that comes out wrong is fetched once more from its
// beginning: what was left of an earlier try may be at fault.
func (c *Cache) fetch(ctx context.Context, key Key, fetch Fetch) error {
	if err := c.makeRoom(ctx, key.Size); err != nil {
		return err
	}
	part := c.path(key) + partSuffix
	err := c.fill(ctx, part, key, fetch)
	if errors.Is(err, errWrong) {
		if err = remove(part); err == nil {
			err = c.fill(ctx, part, key, fetch)
		}
	}
	if errors.Is(err, errWrong) {
		err = errors.Join(err, remove(part))
	}
	if err == nil {
		err = os.Rename(part, c.path(key))
	}
	if err == nil {
		c.trust(key)
	}
	return err
}

// fill completes a partial file and checks its hash.
func (c *Cache) fill(ctx context.Context, part string, key Key, fetch Fetch) (err error) {
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	at, err := io.Copy(h, f)
	if err != nil {
		return err
	}
	if at > key.Size {
		return fmt.Errorf("%w: %d bytes, want %d", errWrong, at, key.Size)
	}
	if at < key.Size {
		if err := copyFrom(ctx, io.MultiWriter(f, h), key.Size, at, fetch); err != nil {
			return err
		}
	}
	if got := sumOf(h); got != key.SHA256 {
		return fmt.Errorf("%w: sha256 is %.12s…, the manifest says %.12s…: the object is damaged or was "+
			"changed; publish the dataset again", errWrong, got, key.SHA256)
	}
	return nil
}

// copyFrom copies what is missing from at to size.
func copyFrom(ctx context.Context, w io.Writer, size, at int64, fetch Fetch) (err error) {
	r, err := fetch(ctx, at)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	n, err := io.Copy(w, io.LimitReader(r, size-at+1))
	if err == nil && at+n != size {
		err = fmt.Errorf("%w: %d bytes came, want %d: the object is damaged or was changed; publish the "+
			"dataset again", errWrong, at+n, size)
	}
	return err
}
