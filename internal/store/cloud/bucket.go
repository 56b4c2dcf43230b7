package cloud

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"mime"
	"path"

	"gocloud.dev/blob"

	"longlora/internal/store"
)

// bucket is a store.Bucket over a portable one.
type bucket struct {
	blob *blob.Bucket
	// version returns the entity tag or generation that a reader's answer names.
	version func(*blob.Reader) string
	// attributes returns the same of an object's attributes.
	attributes func(*blob.Attributes) string
	explain    explain
}

// pageSize is the number of entries of a page, as all stores allow.
const pageSize = 1000

func (b *bucket) List(ctx context.Context, prefix, page string) (entries []store.Entry, next string,
	err error) {
	token := []byte(page)
	if page == "" {
		token = blob.FirstPageToken
	}
	objects, more, err := b.blob.ListPage(ctx, token, pageSize,
		&blob.ListOptions{Prefix: prefix, Delimiter: "/"})
	if err != nil {
		return nil, "", b.explain.request(err)
	}
	for _, o := range objects {
		entries = append(entries, store.Entry{
			Key: o.Key, Folder: o.IsDir, Object: store.Object{Size: o.Size},
		})
	}
	return entries, string(more), nil
}

func (b *bucket) Stat(ctx context.Context, key string) (store.Object, error) {
	a, err := b.blob.Attributes(ctx, key)
	if err != nil {
		return store.Object{}, b.explain.request(err)
	}
	return store.Object{Size: a.Size, Version: b.attributes(a)}, nil
}

// body explains what goes wrong with a reader after its answer began.
type body struct {
	*blob.Reader
	explain explain
}

func (b body) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.explain.body(err)
	}
	return n, err
}

func (b *bucket) Read(ctx context.Context, key string, offset, length int64) (io.ReadCloser,
	store.Object, error) {
	r, err := b.blob.NewRangeReader(ctx, key, offset, length, nil)
	if err != nil {
		return nil, store.Object{}, b.explain.request(err)
	}
	return body{r, b.explain}, store.Object{Size: r.Size(), Version: b.version(r)}, nil
}

// longPut is a size, in bytes, from which on it is asked first whether there is such an object, so that
// nothing long is sent in vain.
const longPut = 1 << 20

func (b *bucket) Put(ctx context.Context, key string, content io.ReadSeeker, size int64) error {
	if size >= longPut {
		_, err := b.Stat(ctx, key)
		if err == nil {
			return fs.ErrExist
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	source := &source{ReadSeeker: content, cancel: cancel}
	kind := mime.TypeByExtension(path.Ext(key))
	if kind == "" {
		kind = "application/octet-stream"
	}
	err := b.blob.Upload(ctx, key, source, &blob.WriterOptions{
		ContentType: kind, IfNotExist: true,
	})
	if source.err != nil {
		return source.err
	}
	if err != nil {
		return b.explain.request(err)
	}
	return nil
}

// source is content that gives the upload up when it cannot be read: else the portable library makes
// an object of what was read until then.
type source struct {
	io.ReadSeeker
	cancel context.CancelFunc
	err    error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.ReadSeeker.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
		s.cancel()
	}
	return n, err
}

func (b *bucket) Remove(ctx context.Context, key string) error {
	if err := b.blob.Delete(ctx, key); err != nil {
		return b.explain.request(err)
	}
	return nil
}

func (b *bucket) Close() error { return b.blob.Close() }
