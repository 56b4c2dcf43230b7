// Package contract says, as a check, what every store does, so that any can be held to it: a folder, a
// server in a test, an emulator, a real bucket.
package contract

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"longlora/internal/store"
)

// Open opens the store at a name under a place that is empty in the beginning; "" is the place.
type Open func(ctx context.Context, name string) (store.Store, error)

// Options say how much is tried.
type Options struct {
	// Large is the size of a file that a store takes in several parts; 0: none.
	Large int
	// Many is the number of small files of one folder, for lists of several pages; 0: none.
	Many int
}

// Check holds a store to the contract and returns every breach. It leaves files there.
func Check(ctx context.Context, open Open, o Options) error {
	c := &checker{ctx: ctx, open: open}
	for _, part := range []func() error{
		c.empty, c.tree, c.pieces, c.again, c.removed, c.single, c.cancelled, c.race,
		func() error { return c.large(o.Large) }, func() error { return c.many(o.Many) },
	} {
		if err := part(); err != nil {
			c.breach("%w", err)
		}
	}
	return errors.Join(c.breaches...)
}

type checker struct {
	ctx      context.Context
	open     Open
	breaches []error
}

func (c *checker) breach(format string, args ...any) {
	c.breaches = append(c.breaches, fmt.Errorf(format, args...))
}

// tree are files in the order in which they are walked, by path element.
var tree = []struct{ name, content string }{
	{"B.txt", ""}, {"a/b.txt", "1"}, {"a-b/c d+e%20.txt", "333"}, {"a.txt", "0123456789"},
	{"deep/er/est/x", "4444"}, {"ü/\u4e2d.txt", "5"},
}

const walked = "B.txt:0 a/b.txt:1 a-b/c d+e%20.txt:3 a.txt:10 deep/er/est/x:4 ü/\u4e2d.txt:1"

func (c *checker) put(s store.Store, name, content string) error {
	return s.Put(c.ctx, name, strings.NewReader(content), int64(len(content)))
}

func (c *checker) read(s store.Store, name string, offset, length int64) (string, error) {
	open := func() (store.Reader, error) { return s.OpenRange(c.ctx, name, offset, length) }
	if length < 0 {
		open = func() (store.Reader, error) { return s.Open(c.ctx, name, offset) }
	}
	r, err := open()
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(r)
	return string(data), errors.Join(err, r.Close())
}

func (c *checker) walk(s store.Store) (string, error) {
	var got []string
	for f, err := range s.Walk(c.ctx) {
		if err != nil {
			return strings.Join(got, " "), err
		}
		got = append(got, fmt.Sprintf("%s:%d%s", f.Name, f.Size, f.Problem))
	}
	return strings.Join(got, " "), nil
}

// empty: where nothing is, that is said.
func (c *checker) empty() error {
	s, err := c.open(c.ctx, "nothing")
	if err != nil {
		return err
	}
	if got, err := c.walk(s); got != "" || !errors.Is(err, fs.ErrNotExist) {
		c.breach("a walk of nothing gives %q, %v, want an error that it does not exist", got, err)
	}
	if _, err := s.Stat(c.ctx, "x"); !errors.Is(err, fs.ErrNotExist) {
		c.breach("stat of nothing: %v", err)
	}
	if _, err := c.read(s, "x", 0, -1); !errors.Is(err, fs.ErrNotExist) {
		c.breach("open of nothing: %v", err)
	}
	if _, err := s.OpenAt(c.ctx, "x"); !errors.Is(err, fs.ErrNotExist) {
		c.breach("open of nothing at any place: %v", err)
	}
	return s.Close()
}

// tree: files come back as they were put, in the order of their names.
func (c *checker) tree() error {
	s, err := c.open(c.ctx, "tree")
	if err != nil {
		return err
	}
	other, err := c.open(c.ctx, "treehouse") // its name begins with that of the other
	if err == nil {
		err = c.put(other, "x", "x")
	}
	if err != nil {
		return err
	}
	if err := c.put(s, ".hidden/x", "x"); err != nil {
		return err
	}
	for _, f := range tree {
		if err := c.put(s, f.name, f.content); err != nil {
			return err
		}
	}
	if got, err := c.walk(s); got != walked || err != nil {
		c.breach("walked %s, want %s: %v", got, walked, err)
	}
	for _, f := range tree {
		if got, err := c.read(s, f.name, 0, -1); got != f.content || err != nil {
			c.breach("%s holds %q, want %q: %v", f.name, got, f.content, err)
		}
		stat, err := s.Stat(c.ctx, f.name)
		if stat.Size != int64(len(f.content)) || stat.Version == "" || err != nil {
			c.breach("stat of %s: %+v, %v", f.name, stat, err)
		}
	}
	if _, err := c.read(s, "deep/er", 0, -1); err == nil {
		c.breach("a folder was opened")
	}
	return errors.Join(s.Close(), other.Close())
}

// pieces: any piece of a file can be read.
func (c *checker) pieces() error {
	s, err := c.open(c.ctx, "tree")
	if err != nil {
		return err
	}
	for _, p := range []struct {
		offset, length int64
		want           string
	}{
		{0, -1, "0123456789"}, {7, -1, "789"}, {9, -1, "9"}, {0, 1, "0"}, {3, 4, "3456"}, {8, 9, "89"},
		{0, 10, "0123456789"},
	} {
		if got, err := c.read(s, "a.txt", p.offset, p.length); got != p.want || err != nil {
			c.breach("%d bytes at %d are %q, want %q: %v", p.length, p.offset, got, p.want, err)
		}
	}
	at, err := s.OpenAt(c.ctx, "a.txt")
	if err != nil {
		return err
	}
	for _, offset := range []int64{6, 0, 8} {
		var p [4]byte
		want := "0123456789"[offset:min(offset+4, 10)]
		n, err := at.ReadAt(p[:], offset)
		if string(p[:n]) != want || (n == len(p)) != (err == nil) || err != nil && err != io.EOF {
			c.breach("at %d: %q, want %q: %v", offset, p[:n], want, err)
		}
	}
	if at.Size() != 10 {
		c.breach("the size is %d, want 10", at.Size())
	}
	return errors.Join(at.Close(), s.Close())
}

// again: a file that is there is never replaced.
func (c *checker) again() error {
	s, err := c.open(c.ctx, "tree")
	if err != nil {
		return err
	}
	for _, content := range []string{"other", "0123456789", ""} {
		if err := c.put(s, "a.txt", content); !errors.Is(err, fs.ErrExist) {
			c.breach("a second file of a name gives %v, want that it exists", err)
		}
	}
	if got, err := c.read(s, "a.txt", 0, -1); got != "0123456789" || err != nil {
		c.breach("after second tries the file holds %q: %v", got, err)
	}
	if err := s.Put(c.ctx, "short", strings.NewReader("abc"), 4); err == nil {
		c.breach("content that ends early was put")
	}
	if _, err := s.Stat(c.ctx, "short"); !errors.Is(err, fs.ErrNotExist) {
		c.breach("a file whose content ended early is there: %v", err)
	}
	return s.Close()
}

// removed: what is removed is gone, and other content has another version.
func (c *checker) removed() error {
	s, err := c.open(c.ctx, "removed")
	if err != nil {
		return err
	}
	if err := c.put(s, "x", "one"); err != nil {
		return err
	}
	one, err := s.Stat(c.ctx, "x")
	if err != nil {
		return err
	}
	if again, err := s.Stat(c.ctx, "x"); again != one || err != nil {
		c.breach("the same content has %+v and %+v, %v", one, again, err)
	}
	if err := s.Remove(c.ctx, "x"); err != nil {
		return err
	}
	if _, err := s.Stat(c.ctx, "x"); !errors.Is(err, fs.ErrNotExist) {
		c.breach("stat of what was removed: %v", err)
	}
	if err := c.put(s, "x", "two"); err != nil {
		return err
	}
	if two, err := s.Stat(c.ctx, "x"); two.Version == one.Version || err != nil {
		c.breach("other content has the same version %q: %v", two.Version, err)
	}
	return s.Close()
}

// single: a store may be one file.
func (c *checker) single() error {
	s, err := c.open(c.ctx, "tree/a-b/c d+e%20.txt")
	if err != nil {
		return err
	}
	n := 0
	for f, err := range s.Walk(c.ctx) {
		if n++; err != nil || f.Name != "c d+e%20.txt" || !f.Single || f.Size != 3 {
			c.breach("a single file is walked as %+v, %v", f, err)
		}
	}
	if n != 1 {
		c.breach("a single file is walked %d times", n)
	}
	if got, err := c.read(s, "c d+e%20.txt", 1, -1); got != "33" || err != nil {
		c.breach("a single file holds %q, %v", got, err)
	}
	return s.Close()
}

// cancelled: nothing is left of what was given up.
func (c *checker) cancelled() error {
	s, err := c.open(c.ctx, "cancelled")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	if err := s.Put(ctx, "x", strings.NewReader("x"), 1); !errors.Is(err, context.Canceled) {
		c.breach("a write that was given up: %v", err)
	}
	if _, err := s.Open(ctx, "x", 0); err == nil {
		c.breach("a read that was given up gave no error")
	}
	if _, err := s.Stat(c.ctx, "x"); !errors.Is(err, fs.ErrNotExist) {
		c.breach("a write that was given up left a file: %v", err)
	}
	return s.Close()
}

// race: of several that make a file at once, one does.
func (c *checker) race() error {
	s, err := c.open(c.ctx, "race")
	if err != nil {
		return err
	}
	const writers = 8
	content := func(i int) string { return strings.Repeat(string(rune('a'+i)), 1000) }
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = c.put(s, "x", content(i)) })
	}
	wg.Wait()
	made := -1
	for i, err := range errs {
		switch {
		case err == nil && made >= 0:
			c.breach("%d and %d both made the file", made, i)
		case err == nil:
			made = i
		case !errors.Is(err, fs.ErrExist):
			c.breach("one of several at once: %v", err)
		}
	}
	if made < 0 {
		return errors.New("none of several at once made the file")
	}
	if got, err := c.read(s, "x", 0, -1); got != content(made) || err != nil {
		c.breach("the file is not that of the one who made it: %v", err)
	}
	return s.Close()
}

// large: a file in several parts comes back, and is not replaced either.
func (c *checker) large(size int) error {
	if size == 0 {
		return nil
	}
	s, err := c.open(c.ctx, "large")
	if err != nil {
		return err
	}
	content := make([]byte, size)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range content {
		content[i] = byte(rng.Uint32())
	}
	if err := s.Put(c.ctx, "x", bytes.NewReader(content), int64(size)); err != nil {
		return err
	}
	got, err := store.ReadFile(c.ctx, s, "x", int64(size))
	if err != nil || !bytes.Equal(got, content) {
		c.breach("%d bytes of a large file came back, of %d: %v", len(got), size, err)
	}
	middle := int64(size / 2)
	if got, err := c.read(s, "x", middle, 1000); got != string(content[middle:middle+1000]) || err != nil {
		c.breach("a piece of a large file is not that piece: %v", err)
	}
	if err := s.Put(c.ctx, "x", bytes.NewReader(content[1:]), int64(size-1)); !errors.Is(err, fs.ErrExist) {
		c.breach("a second large file of a name gives %v, want that it exists", err)
	}
	if f, err := s.Stat(c.ctx, "x"); f.Size != int64(size) || err != nil {
		c.breach("after a second try the large file is %+v: %v", f, err)
	}
	return s.Close()
}

// many: lists of several pages are whole and sorted.
func (c *checker) many(n int) error {
	if n == 0 {
		return nil
	}
	s, err := c.open(c.ctx, "many")
	if err != nil {
		return err
	}
	want := make([]string, n)
	errs := make([]error, n)
	slots := make(chan struct{}, 16)
	var wg sync.WaitGroup
	for i := range want {
		want[i] = fmt.Sprintf("x%05d", i)
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			errs[i] = c.put(s, want[i], "")
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	var got []string
	for f, err := range s.Walk(c.ctx) {
		if err != nil {
			return err
		}
		got = append(got, f.Name)
	}
	if !slices.Equal(got, want) {
		c.breach("a walk gives %d files of %d, or in another order", len(got), n)
	}
	return s.Close()
}
