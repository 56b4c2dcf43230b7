package shard

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/parquet-go/parquet-go"

	"longlora/schemas"
)

// rejectDir holds what did not become rows.
const rejectDir = "reject"

// hashedFile is a file whose hash and size are taken while it is written.
type hashedFile struct {
	file   *os.File
	buffer *bufio.Writer
	sum    hash.Hash
	bytes  int64
	lines  int64
}

func createHashed(path string) (*hashedFile, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &hashedFile{file: f, buffer: bufio.NewWriterSize(f, 1<<18), sum: sha256.New()}, nil
}

// Write implements io.Writer.
func (f *hashedFile) Write(p []byte) (int, error) {
	f.sum.Write(p)
	f.bytes += int64(len(p))
	f.lines += int64(bytes.Count(p, []byte{'\n'}))
	return f.buffer.Write(p)
}

func (f *hashedFile) close() (schemas.Companion, error) {
	err := errors.Join(f.buffer.Flush(), f.file.Sync(), f.file.Close())
	return schemas.Companion{SHA256: hex.EncodeToString(f.sum.Sum(nil)), Bytes: f.bytes, Rows: f.lines}, err
}

// AddLines writes a file of lines into reject/, beside the list of what was rejected. Its content must
// be a pure function of the input.
func (b *Builder) AddLines(name string, write func(io.Writer) error) error {
	f, err := createHashed(filepath.Join(b.partial, rejectDir, name))
	if err != nil {
		return fmt.Errorf("dataset %s: %w", b.dir, err)
	}
	err = write(f)
	c, closed := f.close()
	if err = errors.Join(err, closed); err != nil {
		return fmt.Errorf("dataset %s: writing %s: %w", b.dir, name, err)
	}
	c.Path = rejectDir + "/" + name
	b.mu.Lock()
	defer b.mu.Unlock()
	b.companions = append(b.companions, c)
	return nil
}

// DroppedWriter writes a Parquet file of dropped documents. It must not be used concurrently.
type DroppedWriter struct {
	b       *Builder
	index   int
	file    *hashedFile
	parquet *parquet.GenericWriter[schemas.Dropped]
	group   int64 // bytes in the open row group
	rows    int64
}

// droppedFile is a written file that has not got its final name yet.
type droppedFile struct {
	path string
	schemas.Companion
}

// NewDropped begins a file of dropped documents. The files are numbered in the order of their indices,
// which may have gaps.
func NewDropped(b *Builder, index int) (*DroppedWriter, error) {
	f, err := createHashed(filepath.Join(b.partial, rejectDir, fmt.Sprintf("dropped-%d.tmp", index)))
	if err != nil {
		return nil, fmt.Errorf("dataset %s: %w", b.dir, err)
	}
	codec, err := newZstdCodec()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("dataset %s: %w", b.dir, err), f.file.Close())
	}
	return &DroppedWriter{
		b: b, index: index, file: f,
		parquet: parquet.NewGenericWriter[schemas.Dropped](f, writerOptions(codec)...),
	}, nil
}

// Write appends a document.
func (w *DroppedWriter) Write(d schemas.Dropped) error {
	size := int64(len(d.Text)) + 512
	if w.group > 0 && w.group+size > rowGroupBytes {
		if err := w.parquet.Flush(); err != nil {
			return fmt.Errorf("dataset %s: dropped documents: %w", w.b.dir, err)
		}
		w.group = 0
	}
	if _, err := w.parquet.Write([]schemas.Dropped{d}); err != nil {
		return fmt.Errorf("dataset %s: dropped documents: %w", w.b.dir, err)
	}
	w.rows++
	w.group += size
	return nil
}

// Close finishes the file and hands it to its Builder.
func (w *DroppedWriter) Close() error {
	err := w.parquet.Close()
	c, closed := w.file.close()
	if err = errors.Join(err, closed); err != nil {
		return fmt.Errorf("dataset %s: dropped documents: %w", w.b.dir, err)
	}
	c.Rows = w.rows
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	w.b.dropped[w.index] = droppedFile{w.file.file.Name(), c}
	return nil
}

// writeRejects writes the list of what was rejected and names the files beside it.
func (b *Builder) writeRejects(m *schemas.Manifest) error {
	indices := slices.Sorted(maps.Keys(b.dropped))
	for i, index := range indices {
		f := b.dropped[index]
		f.Path = fmt.Sprintf("%s/dropped-%05d-of-%05d.parquet", rejectDir, i, len(indices))
		if err := os.Rename(f.path, filepath.Join(b.partial, filepath.FromSlash(f.Path))); err != nil {
			return err
		}
		b.companions = append(b.companions, f.Companion)
	}
	f, err := createHashed(filepath.Join(b.partial, rejectDir, "rejected.jsonl"))
	if err != nil {
		return err
	}
	err = b.rejects.write(f)
	c, closed := f.close()
	if err = errors.Join(err, closed); err != nil {
		return err
	}
	c.Path = rejectDir + "/rejected.jsonl"
	m.Companions = append(b.companions, c)
	slices.SortFunc(m.Companions, func(a, b schemas.Companion) int { return cmp.Compare(a.Path, b.Path) })
	return nil
}

// verifyCompanions checks the hashes of what lies in reject/ and of the card's pictures.
func (d *Dataset) verifyCompanions(ctx context.Context) error {
	for _, c := range d.manifest.Companions {
		if err := d.verifyCompanion(ctx, c); err != nil {
			return fmt.Errorf("%s: %w", c.Path, err)
		}
	}
	return nil
}

func (d *Dataset) verifyCompanion(ctx context.Context, c schemas.Companion) (err error) {
	if dir := path.Dir(c.Path); path.Clean(c.Path) != c.Path || dir != rejectDir && dir != pictureDir {
		return fmt.Errorf("the path does not lead into %s/ or %s/%s", rejectDir, pictureDir, changedByHand)
	}
	f, err := d.files.Open(ctx, c.Path)
	if err != nil {
		return fmt.Errorf("%w; copy the file again or rebuild", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum, err := hashFile(f)
	if err == nil && (sum != c.SHA256 || f.Size() != c.Bytes) {
		err = fmt.Errorf("sha256 is %.12s…, the manifest says %.12s…: the content changed; copy the file "+
			"again or rebuild", sum, c.SHA256)
	}
	return err
}
