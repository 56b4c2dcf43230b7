package base

import (
	"bytes"
	"io"
	"io/fs"
	"time"
)

// overlay is a directory with one more file at its root.
type overlay struct {
	fs.FS
	name string
	data []byte
}

// Open implements fs.FS.
func (o overlay) Open(name string) (fs.File, error) {
	if name == o.name {
		return &memoryFile{Reader: bytes.NewReader(o.data), info: o.info()}, nil
	}
	f, err := o.FS.Open(name)
	if err != nil || name != "." {
		return f, err
	}
	entries, err := fs.ReadDir(o.FS, ".")
	return &root{File: f, left: append(entries, fs.FileInfoToDirEntry(o.info()))}, err
}

func (o overlay) info() fileInfo { return fileInfo{o.name, int64(len(o.data))} }

// root is the open root directory.
type root struct {
	fs.File
	left []fs.DirEntry
}

// ReadDir implements fs.ReadDirFile.
func (r *root) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(r.left)
	} else if len(r.left) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(r.left))
	entries := r.left[:n]
	r.left = r.left[n:]
	return entries, nil
}

// memoryFile is an open file whose content is in memory.
type memoryFile struct {
	*bytes.Reader
	info fileInfo
}

var _ io.ReaderAt = (*memoryFile)(nil)

func (f *memoryFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *memoryFile) Close() error               { return nil }

type fileInfo struct {
	name string
	size int64
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return i.size }
func (i fileInfo) Mode() fs.FileMode  { return 0o444 }
func (i fileInfo) ModTime() time.Time { return time.Time{} }
func (i fileInfo) IsDir() bool        { return false }
func (i fileInfo) Sys() any           { return nil }
