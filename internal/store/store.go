// Package store reads and writes files where they lie: in a folder of this machine, or under a prefix
// of an object store's bucket. What reads through it does the same for both, in the same order.
//
// Object stores come as drivers (package store/cloud has them), so that a program that needs local
// files only does not carry their libraries.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Store is a folder, a single file, or the objects of a bucket under a prefix. Names are relative to
// it, with slashes. Its methods may be called concurrently.
type Store interface {
	// Walk yields every file, sorted by path element. Hidden files and folders, whose names begin with
	// a dot, are left out. It ends after an error.
	Walk(ctx context.Context) iter.Seq2[File, error]
	// Stat describes a file.
	Stat(ctx context.Context, name string) (File, error)
	// Open streams a file from a byte on.
	Open(ctx context.Context, name string, offset int64) (Reader, error)
	// OpenRange streams length bytes of a file from a byte on; a file that ends earlier ends the stream.
	OpenRange(ctx context.Context, name string, offset, length int64) (Reader, error)
	// OpenAt opens a file to be read at any place.
	OpenAt(ctx context.Context, name string) (FileAt, error)
	// Put makes a file of size bytes of content, unless there is one of that name: then the error is
	// fs.ErrExist. The file appears whole or not at all.
	Put(ctx context.Context, name string, content io.ReaderAt, size int64) error
	// Remove removes a file.
	Remove(ctx context.Context, name string) error
	// Location is the store's path or URL, for messages; it has no credentials.
	Location() string
	// Place is a file's path or URL, for messages.
	Place(name string) string
	Close() error
}

// File is a file of a store.
type File struct {
	Name string
	Size int64
	// Version changes when the content does: an entity tag, a generation, or size and time.
	Version string
	// Single says that the store's location is this file itself.
	Single bool
	// Problem says why the file cannot be read, if that showed when it was found.
	Problem string
}

// Reader is a file that is read from one end to the other.
type Reader interface {
	io.ReadCloser
	// Size is the whole file's.
	Size() int64
}

// FileAt is a file that is read at any place, by any number of goroutines.
type FileAt interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// The kinds of errors of stores, beside those of io/fs: ErrNotExist, ErrExist and ErrPermission.
var (
	// ErrTemporary reports what may work when it is tried again.
	ErrTemporary = errors.New("temporary failure")
	// ErrChanged reports a file whose content changed while it was read.
	ErrChanged = errors.New("the content changed while it was read; run the command again")
)

// Options says how stores are reached. The zero value reaches local files.
type Options struct {
	// Drivers open the URLs of their schemes.
	Drivers []Driver
	// Retry says how often a failed request is tried again; zero means DefaultRetry.
	Retry Retry
}

// Driver opens buckets whose URLs have a scheme.
type Driver struct {
	Scheme string
	// Open returns the bucket that u names and the prefix of its keys, "" or with a slash at the end.
	Open func(ctx context.Context, u *url.URL) (Bucket, error)
}

// IsURL reports whether a location is a URL rather than a path.
func IsURL(location string) bool {
	scheme, _, ok := strings.Cut(location, "://")
	return ok && scheme != "" && !strings.ContainsFunc(scheme, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '+' || r == '-' || r == '.')
	})
}

// Open opens a folder, a file, or what lies under a URL. A local path that is not there is found out
// by the store's methods; so is a bucket.
func Open(ctx context.Context, location string, o Options) (Store, error) {
	if !IsURL(location) {
		return folder{filepath.Clean(location)}, nil
	}
	u, err := url.Parse(location)
	if err != nil {
		return nil, fmt.Errorf("open a URL: %w", errors.Unwrap(err)) // it may hold a password
	}
	if u.Scheme == "file" {
		return openFile(u)
	}
	i := slices.IndexFunc(o.Drivers, func(d Driver) bool { return d.Scheme == u.Scheme })
	if i < 0 {
		return nil, fmt.Errorf("open %s: no store has the scheme %q; there are %s", u.Redacted(), u.Scheme,
			strings.Join(schemes(o.Drivers), ", "))
	}
	b, err := o.Drivers[i].Open(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", plain(u), err)
	}
	prefix := strings.Trim(u.Path, "/")
	return newRemote(b, plain(u), prefix, o.Retry), nil
}

// openFile opens the folder that a file URL names.
func openFile(u *url.URL) (Store, error) {
	if u.Host != "" && u.Host != "localhost" || u.Path == "" || u.RawQuery != "" {
		return nil, fmt.Errorf("open %s: want file:///path, of this machine", u)
	}
	return folder{filepath.Clean(filepath.FromSlash(u.Path))}, nil
}

// plain is a URL without credentials and parameters.
func plain(u *url.URL) string {
	return u.Scheme + "://" + u.Host + strings.TrimRight(u.Path, "/")
}

func schemes(drivers []Driver) []string {
	names := []string{"file"}
	for _, d := range drivers {
		names = append(names, d.Scheme)
	}
	return names
}

// Local returns the path of a folder or file of this machine that a location names, and whether it
// names one: programs that need files, not readers, can only use those.
func Local(location string) (path string, ok bool) {
	if !IsURL(location) {
		return location, true
	}
	u, err := url.Parse(location)
	if err != nil || u.Scheme != "file" {
		return "", false
	}
	s, err := openFile(u)
	if err != nil {
		return "", false
	}
	return s.Location(), true
}

// Join returns the location of a folder or file under another.
func Join(location, name string) string {
	if !IsURL(location) {
		return filepath.Join(location, filepath.FromSlash(name))
	}
	place, parameters, _ := strings.Cut(location, "?")
	place = strings.TrimRight(place, "/") + "/" + name
	if parameters != "" {
		place += "?" + parameters
	}
	return place
}

// ReadFile returns a file's content, which may have at most limit bytes.
func ReadFile(ctx context.Context, s Store, name string, limit int64) ([]byte, error) {
	r, err := s.Open(ctx, name, 0)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("read %s/%s: more than %d bytes", s.Location(), name, limit)
	}
	return data, nil
}

// isSingle reports whether a path is a file rather than a folder.
func isSingle(path string) (bool, error) {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir(), err
}
