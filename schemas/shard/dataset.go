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
	"slices"
	"sync"

	"github.com/parquet-go/parquet-go"

	"longlora/schemas"
)

// Dataset is a published dataset directory. Its methods may be called concurrently.
type Dataset struct {
	dir      string // as messages name it
	files    Files
	manifest *schemas.Manifest

	mu       sync.Mutex
	verified map[string]bool // files whose hash was found right
}

// Open opens the dataset in a local folder; see OpenFiles.
func Open(dir string) (*Dataset, error) {
	return OpenFiles(context.Background(), Folder(dir))
}

// OpenFiles reads a dataset's manifest and checks, where that is cheap (Sizer), that its files are
// there with the sizes it names. Their content is checked by hash before a first row of it is handed
// out.
func OpenFiles(ctx context.Context, files Files) (*Dataset, error) {
	m, err := readManifest(ctx, files)
	if err != nil {
		return nil, fmt.Errorf("open dataset: %w", err)
	}
	d := &Dataset{dir: files.String(), files: files, manifest: m, verified: map[string]bool{}}
	if sizer, ok := files.(Sizer); ok {
		for _, f := range m.Files {
			size, err := sizer.SizeOf(ctx, f.Path)
			if err != nil {
				return nil, fmt.Errorf("open dataset %s: %w; copy the file again or rebuild", d.dir, err)
			}
			if err := checkSize(f, size); err != nil {
				return nil, fmt.Errorf("open dataset %s: %w", d.dir, err)
			}
		}
	}
	return d, nil
}

func checkSize(f schemas.File, size int64) error {
	if size != f.Bytes {
		return fmt.Errorf("%s has %d bytes, the manifest says %d; copy the file again or rebuild",
			f.Path, size, f.Bytes)
	}
	return nil
}

// Manifest returns the dataset's manifest, which must not be changed.
func (d *Dataset) Manifest() *schemas.Manifest { return d.manifest }

// Dir returns the place of the dataset, a path or an address.
func (d *Dataset) Dir() string { return d.dir }

// Files returns where the dataset's files lie.
func (d *Dataset) Files() Files { return d.files }

// TokenizerPath returns the tokenizer file that the dataset carries, "" if it carries none or lies
// elsewhere than in a local folder; see TokenizerFile.
func (d *Dataset) TokenizerPath() string {
	folder, ok := d.files.(Folder)
	if !ok {
		return ""
	}
	path := folder.path(tokenizerName)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// mostTokenizer bounds a tokenizer file, in bytes.
const mostTokenizer = 256 << 20

// TokenizerFile returns the content of the tokenizer file that the dataset carries, checked by its
// digest; nil if it carries none.
func (d *Dataset) TokenizerFile(ctx context.Context) ([]byte, error) {
	if d.manifest.Tokenizer == nil {
		return nil, nil
	}
	data, err := readAll(ctx, d.files, tokenizerName, mostTokenizer)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", d.dir, err)
	}
	sum := sha256.Sum256(data)
	if err := d.checkTokenizer(hex.EncodeToString(sum[:])); err != nil {
		return nil, fmt.Errorf("read %s: %w", d.dir, err)
	}
	return data, nil
}

func (d *Dataset) checkTokenizer(got string) error {
	if want := d.manifest.Tokenizer.Digest; got != want {
		return fmt.Errorf("%s has digest %.12s, the manifest says %.12s; copy the file again or "+
			"rebuild", tokenizerName, got, want)
	}
	return nil
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
	if err := errors.Join(d.verifyNoOthers(ctx), d.verifyTokenizer(ctx),
		d.verifyCompanions(ctx)); err != nil {
		return fmt.Errorf("verify %s: %w", d.dir, err)
	}
	return nil
}

func (d *Dataset) verifyNoOthers(ctx context.Context) error {
	listed := map[string]bool{}
	for _, f := range d.manifest.Files {
		listed[f.Path] = true
	}
	names, err := d.files.List(ctx, "data")
	if err != nil && len(listed) > 0 {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		if !listed[name] {
			return fmt.Errorf("%s is not in the manifest; move it away", name)
		}
	}
	return nil
}

func (d *Dataset) verifyTokenizer(ctx context.Context) error {
	if d.manifest.Tokenizer == nil {
		return nil
	}
	f, err := d.files.Open(ctx, tokenizerName)
	if err != nil {
		return fmt.Errorf("%w; copy the file again or rebuild", err)
	}
	got, err := hashFile(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return d.checkTokenizer(got)
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
	for row, err := range fileRows[T](ctx, d, f) {
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
		for row, err := range fileRows[T](context.Background(), d, f) {
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
func fileRows[T Row](ctx context.Context, d *Dataset, f schemas.File) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		if err := d.wantKind(zero); err != nil {
			yield(zero, err)
			return
		}
		p, err := d.open(ctx, f)
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
	file File
}

func (p *parquetFile) Close() error { return p.file.Close() }

// open opens a file whose hash is right and whose columns are those of the dataset's kind.
func (d *Dataset) open(ctx context.Context, f schemas.File) (*parquetFile, error) {
	file, err := d.files.Open(ctx, f.Path)
	if err != nil {
		return nil, err
	}
	if err := d.trust(f, file); err != nil {
		return nil, errors.Join(err, file.Close())
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

// trust compares a file's size and hash with the manifest's, once.
func (d *Dataset) trust(f schemas.File, file File) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.verified[f.Path] {
		return nil
	}
	if err := checkSize(f, file.Size()); err != nil {
		return err
	}
	got, err := hashFile(file)
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

func hashFile(f File) (digest string, err error) {
	h := sha256.New()
	buffer := make([]byte, 1<<20)
	_, err = io.CopyBuffer(h, io.NewSectionReader(f, 0, f.Size()), buffer)
	return hex.EncodeToString(h.Sum(nil)), err
}

// lateColumns are those that datasets of the same schema version may lack: they were added later, and
// a row without them is one without a value.
var lateColumns = map[schemas.Kind][]string{schemas.KindExample: {"turns"}}

// checkColumns requires the columns, with their types, that this build writes.
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
		if !ok && slices.Contains(lateColumns[d.manifest.Kind], path[0]) {
			continue
		}
		if !ok {
			return fmt.Errorf("column %v is missing", path)
		}
		if w.Node.Type().Kind() != g.Node.Type().Kind() || w.MaxRepetitionLevel != g.MaxRepetitionLevel {
			return fmt.Errorf("column %v is %v, want %v", path, g.Node.Type(), w.Node.Type())
		}
	}
	return nil
}
