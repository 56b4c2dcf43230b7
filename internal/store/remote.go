package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"
	"sync"
)

// remote is a Store of objects under a prefix, or of the one object that the prefix is.
type remote struct {
	bucket   Bucket
	location string
	prefix   string // without a slash at the end
	retry    Retry

	mu     sync.Mutex
	single *bool // the prefix is an object; nil: nobody asked yet
}

func newRemote(b Bucket, location, prefix string, retry Retry) *remote {
	return &remote{bucket: b, location: location, prefix: prefix, retry: retry.orDefault()}
}

func (r *remote) Location() string { return r.location }
func (r *remote) Close() error     { return r.bucket.Close() }

// failed adds the operation and the place to an error.
func (r *remote) failed(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", op, r.Place(name), err)
}

func (r *remote) Place(name string) string {
	if name == "" || r.isSingle() {
		return r.location
	}
	return r.location + "/" + name
}

// key returns the object of a file.
func (r *remote) key(name string) string {
	if r.isSingle() {
		return r.prefix
	}
	return path.Join(r.prefix, name)
}

func (r *remote) isSingle() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.single != nil && *r.single
}

// Walk lists one folder at a time and keeps the names of those above it. A store without an object
// under its prefix is the object that the prefix names, or an error.
func (r *remote) Walk(ctx context.Context) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		prefix := r.prefix
		if prefix != "" {
			single, err := r.findSingle(ctx)
			if err != nil {
				yield(File{}, r.failed("list", "", err))
				return
			}
			if single != nil {
				yield(*single, nil)
				return
			}
			prefix += "/"
		}
		n := 0
		more, err := r.dir(ctx, prefix, "", func(f File) bool { n++; return yield(f, nil) })
		if err == nil && more && n == 0 {
			err = fmt.Errorf("there is nothing under it: %w", fs.ErrNotExist)
		}
		if err != nil {
			yield(File{}, r.failed("list", "", err))
		}
	}
}

// findSingle returns the file that the store is, if it is one.
func (r *remote) findSingle(ctx context.Context) (*File, error) {
	var o Object
	err := r.retry.do(ctx, func(ctx context.Context) (err error) {
		o, err = r.bucket.Stat(ctx, r.prefix)
		return err
	})
	single := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.single = &single; !single {
		return nil, nil
	}
	return &File{Name: path.Base(r.prefix), Size: o.Size, Version: o.Version, Single: true}, nil
}

// dir yields what lies under a prefix; name is its folder. It returns false when it was stopped.
func (r *remote) dir(ctx context.Context, prefix, name string, yield func(File) bool) (bool, error) {
	entries, err := r.list(ctx, prefix)
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		base := strings.TrimSuffix(strings.TrimPrefix(e.Key, prefix), "/")
		if strings.HasPrefix(base, ".") && base != "." && base != ".." || !e.Folder && base == "" {
			continue // hidden, or the mark of an empty folder
		}
		inner := path.Join(name, base)
		if base == "" || base == "." || base == ".." {
			f := File{Name: name + "/" + base, Problem: "its key has an element without a name"}
			if !yield(f) {
				return false, nil
			}
			continue
		}
		if e.Folder {
			more, err := r.dir(ctx, e.Key, inner, yield)
			if err != nil || !more {
				return false, err
			}
		} else if !yield(File{Name: inner, Size: e.Size, Version: e.Version}) {
			return false, nil
		}
	}
	return true, nil
}

// list returns all entries right under a prefix, sorted as a folder's names are.
func (r *remote) list(ctx context.Context, prefix string) (all []Entry, err error) {
	for page := ""; ; {
		err := r.retry.do(ctx, func(ctx context.Context) error {
			entries, next, err := r.bucket.List(ctx, prefix, page)
			if err == nil {
				all, page = append(all, entries...), next
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		if page == "" {
			break
		}
	}
	slices.SortFunc(all, func(a, b Entry) int {
		return cmp.Or(strings.Compare(strings.TrimSuffix(a.Key, "/"), strings.TrimSuffix(b.Key, "/")),
			strings.Compare(a.Key, b.Key))
	})
	return all, nil
}

func (r *remote) Stat(ctx context.Context, name string) (File, error) {
	var o Object
	err := r.retry.do(ctx, func(ctx context.Context) (err error) {
		o, err = r.bucket.Stat(ctx, r.key(name))
		return err
	})
	return File{Name: name, Size: o.Size, Version: o.Version}, r.failed("read", name, err)
}

func (r *remote) Open(ctx context.Context, name string, offset int64) (Reader, error) {
	return r.OpenRange(ctx, name, offset, -1)
}

func (r *remote) OpenRange(ctx context.Context, name string, offset, length int64) (Reader, error) {
	s := newStream(ctx, r, name, offset, length)
	if err := s.open(); err != nil {
		return nil, r.failed("read", name, err)
	}
	return s, nil
}

func (r *remote) Put(ctx context.Context, name string, content io.ReaderAt, size int64) error {
	made := 0
	err := r.retry.do(ctx, func(ctx context.Context) error {
		made++
		err := r.bucket.Put(ctx, r.key(name), whole{io.NewSectionReader(content, 0, size)}, size)
		if made == 1 || !errors.Is(err, fs.ErrExist) {
			return err
		}
		// an answer that was lost may have been that the object is made
		return r.same(ctx, name, content, size)
	})
	return r.failed("write", name, err)
}

// whole is content that fails where it ends before its size: not every library under a driver counts,
// and some take io.ErrUnexpectedEOF for an end.
type whole struct{ *io.SectionReader }

func (w whole) Read(p []byte) (int, error) {
	n, err := w.SectionReader.Read(p)
	if errors.Is(err, io.EOF) {
		at, seek := w.Seek(0, io.SeekCurrent)
		if seek == nil && at < w.Size() {
			err = fmt.Errorf("content ends after %d of %d bytes", at, w.Size())
		}
	}
	return n, err
}

func (r *remote) Remove(ctx context.Context, name string) error {
	err := r.retry.do(ctx, func(ctx context.Context) error {
		return r.bucket.Remove(ctx, r.key(name))
	})
	return r.failed("remove", name, err)
}
