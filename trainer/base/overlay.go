package base

import (
	"io"
	"io/fs"

	"longlora/trainer/memfile"
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
		return memfile.Open(o.name, o.data), nil
	}
	f, err := o.FS.Open(name)
	if err != nil || name != "." {
		return f, err
	}
	entries, err := fs.ReadDir(o.FS, ".")
	return &root{File: f, left: append(entries, fs.FileInfoToDirEntry(o.info()))}, err
}

func (o overlay) info() fs.FileInfo { return memfile.Info(o.name, o.data) }

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
