// Package atomicfile writes files and directories that appear whole or not at all: under a temporary
// name beside the target, synced, and renamed. A lock refuses a second writer to the same target.
package atomicfile

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrLocked reports that another process writes the same target.
var ErrLocked = errors.New("another process is writing it; wait for it to end or choose another " +
	"output")

// ErrExists reports that the target is there already.
var ErrExists = errors.New("already exists; choose another output or overwrite it")

// ErrNoFile reports that the target is something that a file cannot replace.
var ErrNoFile = errors.New("it is no regular file; choose the name of a file")

const (
	partialSuffix = ".partial"
	lockSuffix    = ".lock"
	oldSuffix     = ".old"
)

// File is a file under construction. It must end with Commit or Abort.
type File struct {
	path string
	file *os.File
	w    *bufio.Writer
	lock *lock
	done bool
}

// Create begins a file that Commit will put at path, replacing what is there. A directory, a device
// or a pipe is refused: the new file would take its place.
func Create(path string) (*File, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("write %s: %w", path, ErrNoFile)
	}
	l, err := acquire(path + lockSuffix)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	f, err := os.Create(path + partialSuffix)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", path, err), l.release())
	}
	return &File{path: path, file: f, w: bufio.NewWriterSize(f, 1<<20), lock: l}, nil
}

// Write implements io.Writer.
func (f *File) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err != nil {
		return n, fmt.Errorf("write %s: %w", f.path, err)
	}
	return n, nil
}

// Flush makes what was written readable at the path that it returns, the temporary name.
func (f *File) Flush() (string, error) {
	if err := f.w.Flush(); err != nil {
		return "", fmt.Errorf("write %s: %w", f.path, err)
	}
	return f.file.Name(), nil
}

// Commit syncs the file and gives it its name. On an error nothing is at the target that was not
// there before.
func (f *File) Commit() error {
	if f.done {
		return fmt.Errorf("write %s: committed or aborted before", f.path)
	}
	err := f.w.Flush()
	if err == nil {
		err = f.file.Sync()
	}
	if err == nil {
		err = f.file.Close()
	}
	if err == nil {
		err = os.Rename(f.path+partialSuffix, f.path)
	}
	if err == nil {
		err = syncPath(filepath.Dir(f.path))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", f.path, err), f.Abort())
	}
	f.done = true
	return f.lock.release()
}

// Abort removes what was written. It does nothing after Commit or a first Abort, so it may be
// deferred.
func (f *File) Abort() error {
	if f.done {
		return nil
	}
	f.done = true
	f.file.Close() //nolint:errcheck // it may be closed already; the file goes anyway
	return errors.Join(os.Remove(f.path+partialSuffix), f.lock.release())
}

// Write puts data at path as a whole.
func Write(path string, data []byte) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Abort())
	}
	return f.Commit()
}

// Dir is a directory under construction. It must end with Commit or Abort.
type Dir struct {
	path string
	lock *lock
	done bool
}

// CreateDir begins a directory that Commit will put at path. What a killed run left behind is
// cleared. A target that exists and is not empty is refused unless overwrite is set.
func CreateDir(path string, overwrite bool) (*Dir, error) {
	path = filepath.Clean(path)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	l, err := acquire(path + lockSuffix)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	d := &Dir{path: path, lock: l}
	if err := d.prepare(overwrite); err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", path, err), l.release())
	}
	return d, nil
}

func (d *Dir) prepare(overwrite bool) error {
	if err := d.recoverSwap(); err != nil {
		return err
	}
	if entries, err := os.ReadDir(d.path); err == nil && len(entries) > 0 && !overwrite {
		return ErrExists
	}
	if err := os.RemoveAll(d.Path()); err != nil {
		return err
	}
	return os.Mkdir(d.Path(), 0o777)
}

// recoverSwap finishes what a run that was killed between Commit's two renames began.
func (d *Dir) recoverSwap() error {
	old := d.path + oldSuffix
	if _, err := os.Stat(old); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if _, err := os.Stat(d.path); errors.Is(err, os.ErrNotExist) {
		return os.Rename(old, d.path)
	}
	return os.RemoveAll(old)
}

// Path is the temporary directory to fill.
func (d *Dir) Path() string { return d.path + partialSuffix }

// Commit syncs everything in the directory and gives it its name.
func (d *Dir) Commit() error {
	if d.done {
		return fmt.Errorf("write %s: committed or aborted before", d.path)
	}
	if err := d.swap(); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", d.path, err), d.Abort())
	}
	d.done = true
	return d.lock.release()
}

func (d *Dir) swap() error {
	if err := syncTree(d.Path()); err != nil {
		return err
	}
	old := d.path + oldSuffix
	if err := os.Rename(d.path, old); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(d.Path(), d.path); err != nil {
		return err
	}
	if err := os.RemoveAll(old); err != nil {
		return err
	}
	return syncPath(filepath.Dir(d.path))
}

// Abort removes what was written. It does nothing after Commit or a first Abort, so it may be
// deferred.
func (d *Dir) Abort() error {
	if d.done {
		return nil
	}
	d.done = true
	return errors.Join(os.RemoveAll(d.Path()), d.lock.release())
}

// syncTree syncs every file and directory under root, root last.
func syncTree(root string) error {
	entries, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(root, e.Name())
		sync := syncPath
		if e.IsDir() {
			sync = syncTree
		}
		if err := sync(path); err != nil {
			return err
		}
	}
	return syncPath(root)
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
