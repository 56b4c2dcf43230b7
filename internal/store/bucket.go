package store

import (
	"context"
	"io"
)

// Bucket is what a driver offers: single requests, not tried again. Errors are ErrTemporary,
// fs.ErrNotExist, fs.ErrExist or fs.ErrPermission where they are of that kind. Keys are those of the
// object store. Its methods may be called concurrently.
type Bucket interface {
	// List returns a page of the objects and folders right under a prefix, which is "" or ends with a
	// slash. The first page is ""; next is the one after, "" at the end.
	List(ctx context.Context, prefix, page string) (entries []Entry, next string, err error)
	// Stat describes an object.
	Stat(ctx context.Context, key string) (Object, error)
	// Read opens length bytes of an object from offset on, or all to its end if length is negative.
	Read(ctx context.Context, key string, offset, length int64) (io.ReadCloser, Object, error)
	// Put makes an object of size bytes, unless there is one of that key.
	Put(ctx context.Context, key string, content io.ReadSeeker, size int64) error
	Remove(ctx context.Context, key string) error
	Close() error
}

// Object is the whole of an object, whatever range of it is read.
type Object struct {
	Size int64
	// Version is another when the content is another.
	Version string
}

// Entry is an object or a folder in a listing. A folder's key ends with a slash.
type Entry struct {
	Key    string
	Folder bool
	Object
}
