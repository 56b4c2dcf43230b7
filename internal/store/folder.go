package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// folder is a Store of local files: those of a folder, or the one file that the path is.
type folder struct{ root string }

func (f folder) Location() string { return f.root }
func (f folder) Close() error     { return nil }

func (f folder) Place(name string) string {
	p, err := f.path(name)
	if err != nil {
		return filepath.Join(f.root, filepath.FromSlash(name))
	}
	return p
}

// Walk follows links; one that leads back to a folder above it is a file with a problem. A folder that
// cannot be read is an error, for no one could say what is missing. It keeps the names of one folder
// at a time, and of those above it.
func (f folder) Walk(ctx context.Context) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		info, err := os.Stat(f.root)
		if err != nil {
			yield(File{}, err)
			return
		}
		if !info.IsDir() {
			file := fileOf(filepath.Base(f.root), info)
			file.Single = true
			yield(file, nil)
			return
		}
		w := &walker{ctx: ctx, root: f.root, yield: yield}
		w.dir("", []fs.FileInfo{info})
	}
}

type walker struct {
	ctx   context.Context
	root  string
	yield func(File, error) bool
}

// dir walks a folder; above are its own and its parents' identities. It returns false to stop.
func (w *walker) dir(name string, above []fs.FileInfo) bool {
	names, err := readNames(filepath.Join(w.root, filepath.FromSlash(name)))
	if err == nil {
		err = w.ctx.Err()
	}
	if err != nil {
		w.yield(File{}, err)
		return false
	}
	for _, n := range names {
		if !strings.HasPrefix(n, ".") && !w.entry(path.Join(name, n), above) {
			return false
		}
	}
	return true
}

// entry walks into a folder or yields a file.
func (w *walker) entry(name string, above []fs.FileInfo) bool {
	info, err := os.Stat(filepath.Join(w.root, filepath.FromSlash(name)))
	switch {
	case err != nil:
		return w.yield(File{Name: name, Problem: Cause(err)}, nil)
	case info.IsDir():
		if slices.ContainsFunc(above, func(a fs.FileInfo) bool { return os.SameFile(a, info) }) {
			return w.yield(File{Name: name, Problem: LinkLoop}, nil)
		}
		return w.dir(name, append(above, info))
	case !info.Mode().IsRegular():
		return w.yield(File{Name: name, Problem: "not a regular file"}, nil)
	}
	return w.yield(fileOf(name, info), nil)
}

// LinkLoop is the problem of a link that leads to a folder above it, whatever the link's name.
const LinkLoop = "a link to a folder that it lies in"

// readNames returns the sorted names in a folder; without the entries' details it takes little more
// memory than the names.
func readNames(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	names, err := d.Readdirnames(-1)
	slices.Sort(names)
	return names, errors.Join(err, d.Close())
}

// Cause is an error without the path that a PathError puts before it.
func Cause(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	return err.Error()
}

func fileOf(name string, info fs.FileInfo) File {
	return File{
		Name: name, Size: info.Size(),
		Version: fmt.Sprintf("%d-%d", info.Size(), info.ModTime().UnixNano()),
	}
}

// path returns the path of a file. A store that is one file has only that.
func (f folder) path(name string) (string, error) {
	single, err := isSingle(f.root)
	if err != nil || single {
		return f.root, err
	}
	return filepath.Join(f.root, filepath.FromSlash(name)), nil
}

func (f folder) Stat(_ context.Context, name string) (File, error) {
	p, err := f.path(name)
	if err != nil {
		return File{}, err
	}
	info, err := os.Stat(p)
	if err != nil {
		return File{}, err
	}
	return fileOf(name, info), nil
}

// localFile is a Reader and a FileAt.
type localFile struct {
	*os.File
	size int64
}

func (f localFile) Size() int64 { return f.size }

func (f folder) open(name string) (localFile, error) {
	p, err := f.path(name)
	if err != nil {
		return localFile{}, err
	}
	file, err := os.Open(p)
	if err != nil {
		return localFile{}, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: p, Err: errors.New("not a regular file")}
	}
	if err != nil {
		return localFile{}, errors.Join(err, file.Close())
	}
	return localFile{file, info.Size()}, nil
}

func (f folder) Open(_ context.Context, name string, offset int64) (Reader, error) {
	file, err := f.open(name)
	if err != nil {
		return nil, err
	}
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// localRange is a piece of a local file.
type localRange struct {
	localFile
	piece io.Reader
}

func (r localRange) Read(p []byte) (int, error) { return r.piece.Read(p) }

func (f folder) OpenRange(_ context.Context, name string, offset, length int64) (Reader, error) {
	file, err := f.open(name)
	if err != nil {
		return nil, err
	}
	return localRange{file, io.NewSectionReader(file, offset, length)}, nil
}

func (f folder) OpenAt(_ context.Context, name string) (FileAt, error) {
	file, err := f.open(name)
	if err != nil {
		return nil, err
	}
	return file, nil
}

// Put writes a file that has no name yet, or one of its own, syncs, and links it to its name, which fails
// if there is one.
func (f folder) Put(ctx context.Context, name string, content io.ReaderAt, size int64) error {
	p := filepath.Join(f.root, filepath.FromSlash(name))
	if _, err := os.Lstat(p); err == nil {
		return fmt.Errorf("write %s: %w", p, fs.ErrExist)
	}
	dir := filepath.Dir(p)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("write %s: %w", p, err)
	}
	d, err := newDraft(dir)
	if err != nil {
		return fmt.Errorf("write %s: %w", p, err)
	}
	err = fill(ctx, d.File, io.NewSectionReader(content, 0, size), size)
	if err == nil {
		err = d.publish(p)
	}
	err = errors.Join(err, d.discard())
	if err == nil {
		err = syncDir(dir)
	}
	if errors.Is(err, fs.ErrExist) {
		err = fs.ErrExist
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", p, err)
	}
	return nil
}

// fill copies size bytes to a file and syncs it.
func fill(ctx context.Context, t *os.File, r io.Reader, size int64) error {
	n, err := io.Copy(t, readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return r.Read(p)
	}))
	if err == nil && n != size {
		err = fmt.Errorf("content ends after %d of %d bytes: %w", n, size, io.ErrUnexpectedEOF)
	}
	if err == nil {
		err = t.Chmod(0o644)
	}
	if err == nil {
		err = t.Sync()
	}
	return err
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (f folder) Remove(_ context.Context, name string) error {
	return os.Remove(filepath.Join(f.root, filepath.FromSlash(name)))
}
