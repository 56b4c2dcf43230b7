package shard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/apache/arrow/go/v17/arrow/array"

	"longlora/schemas"
)

// Files is where a dataset's files lie: a local folder, an object store. Names are relative to the
// dataset, with slashes, as in its manifest. Methods may be called concurrently.
type Files interface {
	// Open opens a file for reading at any place. A name that is not there gives an error that is
	// os.ErrNotExist.
	Open(ctx context.Context, name string) (File, error)
	// List returns the names, relative to the dataset, of the files directly in a folder, in any
	// order; an absent folder has none.
	List(ctx context.Context, folder string) ([]string, error)
	// String is the place as a user writes it, for error messages.
	String() string
}

// File is a dataset's file, open for reading. Methods other than Close may be called concurrently.
type File interface {
	io.ReaderAt
	io.Closer
	// Size is the file's length in bytes.
	Size() int64
}

// Sizer is what Files offer where a size costs almost nothing: a dataset then checks the sizes of all
// its files as it is opened.
type Sizer interface {
	SizeOf(ctx context.Context, name string) (int64, error)
}

// BlockReader is what Files offer where a part of a file is had without the whole: object stores.
type BlockReader interface {
	// ReadBlock returns the bytes of a row group that begins at an offset of a file. The caller owns
	// them, and compares them with the row group's hash.
	ReadBlock(ctx context.Context, name string, offset int64, b schemas.Block) ([]byte, error)
}

// Streamer is what Files offer that have no row files but the rows themselves, in any order: a server.
type Streamer interface {
	// Sequences streams rows as Dataset.Sequences does; every option has its value.
	Sequences(ctx context.Context, m *schemas.Manifest, o SequenceOptions) (array.RecordReader, error)
}

// Folder is the dataset directory at a local path.
type Folder string

// Open opens a file of the folder.
func (f Folder) Open(_ context.Context, name string) (File, error) {
	file, err := os.Open(f.path(name))
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory", f.path(name))
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return localFile{file, info.Size()}, nil
}

// List lists a folder of the folder.
func (f Folder) List(_ context.Context, folder string) (names []string, err error) {
	entries, err := os.ReadDir(f.path(folder))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		names = append(names, folder+"/"+e.Name())
	}
	return names, err
}

// SizeOf implements Sizer.
func (f Folder) SizeOf(_ context.Context, name string) (int64, error) {
	info, err := os.Stat(f.path(name))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f Folder) String() string { return string(f) }

func (f Folder) path(name string) string {
	return filepath.Join(string(f), filepath.FromSlash(name))
}

type localFile struct {
	*os.File
	size int64
}

func (f localFile) Size() int64 { return f.size }

// readAll reads a whole file of at most limit bytes.
func readAll(ctx context.Context, files Files, name string, limit int64) (_ []byte, err error) {
	f, err := files.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if f.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes, more than the %d that are read", name, f.Size(), limit)
	}
	data := make([]byte, f.Size())
	if n, err := f.ReadAt(data, 0); n < len(data) {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return data, nil
}
