package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeBucket holds objects in memory. Faults are what happens to the next requests, in order.
type fakeBucket struct {
	mu       sync.Mutex
	objects  map[string]string
	versions map[string]int
	page     int // entries of a page
	faults   []fault
	requests []string
}

// fault is what goes wrong with one request.
type fault struct {
	err   error // the request fails
	after int   // or the body breaks after that many bytes
	with  error
	lost  bool // or the request is done and its answer lost
	then  func(b *fakeBucket)
}

var errReset = fmt.Errorf("%w: connection reset by peer", ErrTemporary)

func newFake(objects map[string]string) *fakeBucket {
	return &fakeBucket{objects: objects, versions: map[string]int{}, page: 2}
}

// begin counts a request and returns its fault.
func (b *fakeBucket) begin(format string, args ...any) fault {
	b.requests = append(b.requests, fmt.Sprintf(format, args...))
	if len(b.faults) == 0 {
		return fault{after: -1}
	}
	f := b.faults[0]
	b.faults = b.faults[1:]
	if f.then != nil {
		f.then(b)
	}
	if f.with == nil && f.err == nil && !f.lost {
		f.after = -1
	}
	return f
}

func (b *fakeBucket) List(_ context.Context, prefix, page string) ([]Entry, string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f := b.begin("list %s %s", prefix, page); f.err != nil {
		return nil, "", f.err
	}
	seen := map[string]bool{}
	for key := range b.objects {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			if first, _, folder := strings.Cut(rest, "/"); folder {
				seen[prefix+first+"/"] = true
			} else {
				seen[key] = true
			}
		}
	}
	var keys []string
	for key := range seen {
		if key > page {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	next := ""
	if len(keys) > b.page {
		keys = keys[:b.page]
		next = keys[b.page-1]
	}
	var entries []Entry
	for _, key := range keys {
		e := Entry{Key: key, Folder: key != prefix && strings.HasSuffix(key, "/")}
		if !e.Folder {
			e.Object = b.object(key)
		}
		entries = append(entries, e)
	}
	return entries, next, nil
}

func (b *fakeBucket) object(key string) Object {
	return Object{Size: int64(len(b.objects[key])), Version: fmt.Sprint(b.versions[key])}
}

func (b *fakeBucket) Stat(_ context.Context, key string) (Object, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f := b.begin("stat %s", key); f.err != nil {
		return Object{}, f.err
	}
	if _, ok := b.objects[key]; !ok {
		return Object{}, fs.ErrNotExist
	}
	return b.object(key), nil
}

func (b *fakeBucket) Read(ctx context.Context, key string, offset, length int64) (io.ReadCloser,
	Object, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.begin("read %s %d %d", key, offset, length)
	if f.err != nil {
		return nil, Object{}, f.err
	}
	data, ok := b.objects[key]
	if !ok {
		return nil, Object{}, fs.ErrNotExist
	}
	o := b.object(key)
	data = data[min(offset, int64(len(data))):]
	if length >= 0 {
		data = data[:min(length, int64(len(data)))]
	}
	if f.after < 0 {
		return io.NopCloser(strings.NewReader(data)), o, nil
	}
	end := &brokenEnd{ctx: ctx, err: f.with}
	return io.NopCloser(io.MultiReader(strings.NewReader(data[:min(f.after, len(data))]), end)), o, nil
}

// brokenEnd fails, or brings nothing until its context ends.
type brokenEnd struct {
	ctx context.Context
	err error
}

func (e *brokenEnd) Read([]byte) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	<-e.ctx.Done()
	return 0, e.ctx.Err()
}

func (b *fakeBucket) Put(_ context.Context, key string, content io.ReadSeeker, size int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.begin("put %s", key)
	if f.err != nil {
		return f.err
	}
	if _, ok := b.objects[key]; ok {
		return fs.ErrExist
	}
	var data bytes.Buffer
	if n, err := io.Copy(&data, content); err != nil || n != size {
		return fmt.Errorf("%d of %d bytes: %w", n, size, err)
	}
	b.objects[key] = data.String()
	if f.lost {
		return errReset
	}
	return nil
}

func (b *fakeBucket) Remove(_ context.Context, key string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f := b.begin("remove %s", key); f.err != nil {
		return f.err
	}
	delete(b.objects, key)
	return nil
}

func (b *fakeBucket) Close() error { return nil }

// openFake opens a location of a fake bucket as a program would, with waits too short to notice.
func openFake(t *testing.T, b Bucket, location string) Store {
	t.Helper()
	open := func(context.Context, *url.URL) (Bucket, error) { return b, nil }
	s, err := Open(context.Background(), location, Options{
		Drivers: []Driver{{Scheme: "fake", Open: open}},
		Retry: Retry{
			Tries: 3, First: time.Microsecond, Most: time.Millisecond, Idle: 20 * time.Millisecond,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func readAll(t *testing.T, s Store, name string, offset int64) (string, error) {
	t.Helper()
	r, err := s.Open(context.Background(), name, offset)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(r)
	return string(data), errors.Join(err, r.Close())
}
