// Package memfile gives file systems files whose content is in memory.
package memfile

import (
	"bytes"
	"io"
	"io/fs"
	"time"
)

// Open returns an open file, which is an io.ReaderAt too. data must not change while it is read.
func Open(name string, data []byte) fs.File {
	return &file{bytes.NewReader(data), name}
}

// Info describes the file that Open opens.
func Info(name string, data []byte) fs.FileInfo { return info{name, int64(len(data))} }

type file struct {
	*bytes.Reader
	name string
}

var _ io.ReaderAt = (*file)(nil)

func (f *file) Stat() (fs.FileInfo, error) { return info{f.name, f.Reader.Size()}, nil }
func (f *file) Close() error               { return nil }

type info struct {
	name string
	size int64
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return 0o444 }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return false }
func (i info) Sys() any           { return nil }
