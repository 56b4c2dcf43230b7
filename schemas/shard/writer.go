package shard

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"sort"

	"github.com/parquet-go/parquet-go"

	"longlora/schemas"
)

// Row is a type that a dataset holds.
type Row interface {
	schemas.Document | schemas.Example | schemas.Sequence
}

// rowGroupBytes is the greatest size of a row group before compression, longer rows apart: the unit
// of parallel reading and of the reader's memory.
const rowGroupBytes = 8 << 20

// FileWriter writes one Parquet file of a dataset. It must not be used concurrently.
type FileWriter[T Row] struct {
	b       *Builder
	key     fileKey
	path    string // within the partial directory
	file    *os.File
	buffer  *bufio.Writer
	sum     hash.Hash
	bytes   int64
	parquet rowWriter[T]
	group   int64 // size of the open row group's rows, in bytes
	block   openBlock
	done    finished
}

// openBlock sums up the row group that is being written.
type openBlock struct {
	sum                  hash.Hash
	start, rows0, tokens int64 // the file's bytes, rows and tokens before it
}

// NewFile begins a file. Splits and indices name it: files of a split are numbered in the order of
// their indices, which may have gaps.
func NewFile[T Row](b *Builder, split string, index int) (*FileWriter[T], error) {
	key := fileKey{split, index}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open[key] != nil || b.files[key] != nil {
		return nil, fmt.Errorf("dataset %s: file %d of split %s is begun twice", b.dir, index, split)
	}
	w := &FileWriter[T]{
		b: b, key: key, sum: sha256.New(),
		path: filepath.Join("data", fmt.Sprintf("%s-%d.tmp", split, index)),
	}
	var err error
	if w.file, err = os.Create(filepath.Join(b.partial, w.path)); err != nil {
		return nil, fmt.Errorf("dataset %s: %w", b.dir, err)
	}
	w.buffer = bufio.NewWriterSize(w.file, 1<<20)
	codec, err := newZstdCodec()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("dataset %s: %w", b.dir, err), w.file.Close())
	}
	w.block = openBlock{sum: sha256.New(), start: magicBytes}
	out := io.MultiWriter(w.buffer, w.sum, &blockWriter{w})
	w.parquet = newRowWriter[T](out, b.options.HFColumns, writerOptions(codec))
	w.done = finished{
		file:    schemas.File{Path: w.path, Split: split},
		mixture: map[mixtureKey]*schemas.MixturePart{}, lengths: &lengths{},
	}
	b.open[key] = w.file
	return w, nil
}

// longTexts are columns of which a page's least and greatest value would be as long as the page.
var longTexts = []string{"text", "instruction", "context", "output"}

func writerOptions(codec *zstdCodec) []parquet.WriterOption {
	options := []parquet.WriterOption{
		parquet.Compression(codec),
		parquet.CreatedBy("longlora", "1", ""),
		parquet.DataPageVersion(2),
		parquet.WriteBufferSize(0), // so that bytes are counted and hashed when their block ends
	}
	for _, column := range longTexts {
		options = append(options, parquet.SkipPageStatistics(column), parquet.SkipPageBounds(column))
	}
	return options
}

// blockWriter counts a file's bytes and hashes those of the open row group.
type blockWriter struct{ w interface{ wrote(p []byte) } }

func (b *blockWriter) Write(p []byte) (int, error) {
	b.w.wrote(p)
	return len(p), nil
}

func (w *FileWriter[T]) wrote(p []byte) {
	if skip := w.block.start - w.bytes; skip < int64(len(p)) { // the file's magic bytes
		w.block.sum.Write(p[max(skip, 0):])
	}
	w.bytes += int64(len(p))
}

// flush ends the open row group.
func (w *FileWriter[T]) flush() error {
	if w.group == 0 {
		return nil
	}
	if err := w.parquet.Flush(); err != nil {
		return err
	}
	f := &w.done.file
	f.Blocks = append(f.Blocks, schemas.Block{
		Rows: f.Rows - w.block.rows0, Tokens: f.Tokens - w.block.tokens, Bytes: w.bytes - w.block.start,
		SHA256: hex.EncodeToString(w.block.sum.Sum(nil)),
	})
	w.group = 0
	w.block = openBlock{sum: sha256.New(), start: w.bytes, rows0: f.Rows, tokens: f.Tokens}
	return nil
}

// Write appends rows.
func (w *FileWriter[T]) Write(rows ...T) error {
	for _, row := range rows {
		if err := w.check(&row); err != nil {
			return fmt.Errorf("dataset %s: %s row %d: %w",
				w.b.dir, w.key.split, w.done.file.Rows, err)
		}
		if err := w.write(row); err != nil {
			return fmt.Errorf("dataset %s: %w", w.b.dir, err)
		}
	}
	return nil
}

// write appends a row that keeps its type's contract.
func (w *FileWriter[T]) write(row T) error {
	fillMeta(&row)
	size := sizeOf(&row)
	if w.b.options.HFColumns {
		size *= 1 + hfColumns
	}
	if w.group+size > rowGroupBytes {
		if err := w.flush(); err != nil {
			return err
		}
	}
	if _, err := w.parquet.Write([]T{row}); err != nil {
		return err
	}
	w.count(&row)
	w.done.file.Rows++
	w.group += size
	return nil
}

// fillMeta replaces no map by an empty one: the column always holds an object.
func fillMeta[T Row](row *T) {
	switch r := any(row).(type) {
	case *schemas.Document:
		if r.Meta == nil {
			r.Meta = map[string]string{}
		}
	case *schemas.Example:
		if r.Meta == nil {
			r.Meta = map[string]string{}
		}
	}
}

// check refuses a row that breaks its type's contract.
func (w *FileWriter[T]) check(row *T) error {
	switch r := any(row).(type) {
	case *schemas.Document:
		return r.Validate()
	case *schemas.Example:
		return r.Validate()
	case *schemas.Sequence:
		vocab := 0
		if w.b.options.Tokenizer != nil {
			vocab = w.b.options.Tokenizer.VocabSize
		}
		return r.Validate(vocab)
	}
	return nil
}

// sizeOf is about the size of a row before compression, in bytes.
func sizeOf[T Row](row *T) int64 {
	switch r := any(row).(type) {
	case *schemas.Document:
		return int64(len(r.Text)) + 512
	case *schemas.Example:
		return int64(len(r.Context)+len(r.Output)+len(r.Instruction)) + 512
	case *schemas.Sequence:
		return 4*int64(r.NTokens) + 64*int64(len(r.Docs)) + 8*int64(len(r.LossSpans))
	}
	return 0
}

// count adds a row to the sums.
func (w *FileWriter[T]) count(row *T) {
	switch r := any(row).(type) {
	case *schemas.Document:
		addPart(w.done.mixture, mixtureKey{r.Source, r.Licence}, 1, 0)
		w.done.lengths.add(r.NChars)
	case *schemas.Example:
		addPart(w.done.mixture, mixtureKey{r.AnswerSource, r.Licence}, 1, int64(r.NTokens))
		w.done.file.Tokens += int64(r.NTokens)
		w.done.lengths.add(int64(r.NTokens))
	case *schemas.Sequence:
		w.done.file.Tokens += int64(r.NTokens)
		for i, d := range r.Docs {
			addPart(w.done.mixture, mixtureKey{d.Source, d.Licence}, 1, int64(r.DocLens[i]))
			w.done.lengths.add(int64(r.DocLens[i]))
		}
	}
}

// Close finishes the file and hands it to its Builder.
func (w *FileWriter[T]) Close() error {
	err := w.flush()
	err = errors.Join(err, w.parquet.Close(), w.buffer.Flush(), w.file.Sync(), w.file.Close())
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	delete(w.b.open, w.key)
	if err != nil {
		return fmt.Errorf("dataset %s: writing %s: %w", w.b.dir, w.path, err)
	}
	w.done.file.Bytes = w.bytes
	w.done.file.SHA256 = hex.EncodeToString(w.sum.Sum(nil))
	done := w.done // a copy, for the writer has large buffers
	w.b.files[w.key] = &done
	return nil
}

type mixtureKey struct{ source, licence string }

func addPart(m map[mixtureKey]*schemas.MixturePart, k mixtureKey, rows, tokens int64) {
	p := m[k]
	if p == nil {
		p = &schemas.MixturePart{Source: k.source, Licence: k.licence}
		m[k] = p
	}
	p.Rows += rows
	p.Tokens += tokens
}

func sortedMixture(m map[mixtureKey]*schemas.MixturePart) []schemas.MixturePart {
	parts := make([]schemas.MixturePart, 0, len(m))
	for _, p := range m {
		parts = append(parts, *p)
	}
	sort.Slice(parts, func(i, j int) bool {
		if parts[i].Source != parts[j].Source {
			return parts[i].Source < parts[j].Source
		}
		return parts[i].Licence < parts[j].Licence
	})
	return parts
}
