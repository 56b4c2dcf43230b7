package shard

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path"
	"path/filepath"
	"sync"

	"github.com/parquet-go/parquet-go"

	"longlora/schemas"
)

// Dataset is a published dataset directory. Its methods may be called concurrently.
type Dataset struct {
	dir      string
	manifest *schemas.Manifest

	mu       sync.Mutex
	verified map[string]bool // files whose hash was found right
}

// Open reads a dataset's manifest and checks that its files are there with the sizes it names. Their
// content is checked by hash before a first row of it is handed out.
func Open(dir string) (*Dataset, error) {
	m, err := readManifest(dir)
	if err != nil {
		return nil, fmt.Errorf("open dataset: %w", err)
	}
	for _, f := range m.Files {
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(f.Path)))
		if err != nil {
			return nil, fmt.Errorf("open dataset %s: %w; copy the file again or rebuild", dir, err)
		}
		if info.Size() != f.Bytes {
			return nil, fmt.Errorf("open dataset %s: %s has %d bytes, the manifest says %d; copy the "+
				"file again or rebuild", dir, f.Path, info.Size(), f.Bytes)
		}
	}
	return &Dataset{dir: dir, manifest: m, verified: map[string]bool{}}, nil
}

// Manifest returns the dataset's manifest, which must not be changed.
func (d *Dataset) Manifest() *schemas.Manifest { return d.manifest }

// Dir returns the dataset's directory.
func (d *Dataset) Dir() string { return d.dir }

// TokenizerPath returns the tokenizer that the dataset carries, "" if it carries none.
func (d *Dataset) TokenizerPath() string {
	path := filepath.Join(d.dir, tokenizerName)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// Count returns a split's rows and tokens; "" is the whole dataset.
func (d *Dataset) Count(split string) (rows, tokens int64) {
	for _, f := range d.manifest.Files {
		if split == "" || f.Split == split {
			rows, tokens = rows+f.Rows, tokens+f.Tokens
		}
	}
	return rows, tokens
}

// Splits returns the names of the splits, sorted.
func (d *Dataset) Splits() []string { return splitsOf(d.manifest) }

// Verify checks every file: its hash, that every row decodes and keeps its type's contract, and the
// counts of the manifest; and that no other Parquet file lies beside them, which foreign readers
// would read too.
func (d *Dataset) Verify(ctx context.Context) error {
	for _, f := range d.manifest.Files {
		if err := d.verifyFile(ctx, f); err != nil {
			return fmt.Errorf("verify %s: %s: %w", d.dir, f.Path, err)
		}
	}
	if err := errors.Join(d.verifyNoOthers(), d.verifyTokenizer()); err != nil {
		return fmt.Errorf("verify %s: %w", d.dir, err)
	}
	return nil
}

func (d *Dataset) verifyNoOthers() error {
	listed := map[string]bool{}
	for _, f := range d.manifest.Files {
		listed[path.Base(f.Path)] = true
	}
	entries, err := os.ReadDir(filepath.Join(d.dir, "data"))
	if err != nil && len(listed) > 0 {
		return err
	}
	for _, e := range entries {
		if !listed[e.Name()] {
			return fmt.Errorf("data/%s is not in the manifest; move it away", e.Name())
		}
	}
	return nil
}

func (d *Dataset) verifyTokenizer() error {
	if d.manifest.Tokenizer == nil {
		return nil
	}
	got, _, err := hashFile(filepath.Join(d.dir, tokenizerName))
	if err != nil {
		return fmt.Errorf("%w; copy the file again or rebuild", err)
	}
	if want := d.manifest.Tokenizer.Digest; got != want {
		return fmt.Errorf("%s has digest %.12s, the manifest says %.12s; copy the file again or "+
			"rebuild", tokenizerName, got, want)
	}
	return nil
}

func (d *Dataset) verifyFile(ctx context.Context, f schemas.File) error {
	switch d.manifest.Kind {
	case schemas.KindDocument:
		return verifyRows(ctx, d, f, func(d *schemas.Document) (int64, error) {
			return 0, d.Validate()
		})
	case schemas.KindExample:
		return verifyRows(ctx, d, f, func(e *schemas.Example) (int64, error) {
			return int64(e.NTokens), e.Validate()
		})
	}
	vocab := 0
	if t := d.manifest.Tokenizer; t != nil {
		vocab = t.VocabSize
	}
	return verifyRows(ctx, d, f, func(s *schemas.Sequence) (int64, error) {
		return int64(s.NTokens), s.Validate(vocab)
	})
}

func verifyRows[T Row](ctx context.Context, d *Dataset, f schemas.File,
	check func(*T) (tokens int64, err error)) error {
	var rows, tokens int64
	for row, err := range fileRows[T](d, f) {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := check(&row)
		if err != nil {
			return fmt.Errorf("row %d: %w", rows, err)
		}
		rows, tokens = rows+1, tokens+n
	}
	if rows != f.Rows || tokens != f.Tokens {
		return fmt.Errorf("has %d rows and %d tokens, the manifest says %d and %d; rebuild the dataset",
			rows, tokens, f.Rows, f.Tokens)
	}
	return nil
}

// Rows streams a split's rows in file order; "" is the whole dataset. It ends after the first error.
func Rows[T Row](d *Dataset, split string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for number, f := range d.manifest.Files {
			if split != "" && f.Split != split {
				continue
			}
			for row, err := range FileRows[T](d, number) {
				if !yield(row, err) || err != nil {
					return
				}
			}
		}
	}
}

// FileRows streams the rows of one of the manifest's files. It ends after the first error.
func FileRows[T Row](d *Dataset, number int) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		f := d.manifest.Files[number]
		for row, err := range fileRows[T](d, f) {
			if err != nil {
				err = fmt.Errorf("read %s: %s: %w", d.dir, f.Path, err)
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// fileRows streams one file.
func fileRows[T Row](d *Dataset, f schemas.File) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		if err := d.wantKind(zero); err != nil {
			yield(zero, err)
			return
		}
		p, err := d.open(f)
		if err != nil {
			yield(zero, err)
			return
		}
		defer p.Close()
		var r *parquet.GenericReader[T]
		if err := guard(func() error { r = parquet.NewGenericReader[T](p.File); return nil }); err != nil {
			yield(zero, err)
			return
		}
		defer r.Close()
		for {
			row, ok, err := readRow(r)
			if err != nil || ok {
				ok = yield(row, err) && err == nil
			}
			if !ok {
				return
			}
		}
	}
}

// readRow reads the next row; rows are long, so it is one at a time. ok is false at the end.
func readRow[T Row](r *parquet.GenericReader[T]) (row T, ok bool, err error) {
	rows := make([]T, 1)
	n := 0
	err = guard(func() (err error) {
		n, err = r.Read(rows)
		return err
	})
	if n > 0 || errors.Is(err, io.EOF) {
		err = nil
	}
	return rows[0], n > 0, err
}

func (d *Dataset) wantKind(row any) error {
	want := schemas.KindSequence
	switch row.(type) {
	case schemas.Document:
		want = schemas.KindDocument
	case schemas.Example:
		want = schemas.KindExample
	}
	if d.manifest.Kind != want {
		return fmt.Errorf("the dataset holds rows of kind %s, not %s", d.manifest.Kind, want)
	}
	return nil
}

// parquetFile is an open file of a dataset.
type parquetFile struct {
	*parquet.File
	file *os.File
}

func (p *parquetFile) Close() error { return p.file.Close() }

// open opens a file whose hash is right and whose columns are those of the dataset's kind.
func (d *Dataset) open(f schemas.File) (*parquetFile, error) {
	path := filepath.Join(d.dir, filepath.FromSlash(f.Path))
	if err := d.trust(f, path); err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	p := &parquetFile{file: file}
	p.File, err = openParquet(file, f.Bytes)
	if err == nil {
		err = d.checkColumns(p.File)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("not a readable Parquet file of kind %s: %w; rebuild the "+
			"dataset", d.manifest.Kind, err), file.Close())
	}
	return p, nil
}

// trust compares a file's hash with the manifest's, once.
func (d *Dataset) trust(f schemas.File, path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.verified[f.Path] {
		return nil
	}
	got, _, err := hashFile(path)
	if err != nil {
		return err
	}
	if got != f.SHA256 {
		return fmt.Errorf("sha256 is %.12s…, the manifest says %.12s…: the content changed; copy the "+
			"file again or rebuild", got, f.SHA256)
	}
	d.verified[f.Path] = true
	return nil
}

func hashFile(path string) (digest string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	if size, err = io.Copy(h, f); err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}

// checkColumns requires exactly the columns, with their types, that this build writes.
func (d *Dataset) checkColumns(f *parquet.File) error {
	var want *parquet.Schema
	switch d.manifest.Kind {
	case schemas.KindDocument:
		want = parquet.SchemaOf(schemas.Document{})
	case schemas.KindExample:
		want = parquet.SchemaOf(schemas.Example{})
	default:
		want = parquet.SchemaOf(schemas.Sequence{})
	}
	got := f.Schema()
	for _, path := range want.Columns() {
		w, _ := want.Lookup(path...)
		g, ok := got.Lookup(path...)
		if !ok {
			return fmt.Errorf("column %v is missing", path)
		}
		if w.Node.Type().Kind() != g.Node.Type().Kind() || w.MaxRepetitionLevel != g.MaxRepetitionLevel {
			return fmt.Errorf("column %v is %v, want %v", path, g.Node.Type(), w.Node.Type())
		}
	}
	return nil
}
