package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// found is a file that a walk came upon.
type found struct {
	name    string // relative to the root, with slashes
	size    int64
	problem string // why it cannot be read
}

// walk yields the files under root whose names end in one of the suffixes, sorted by path element.
// Links are followed; one that leads back to a folder above it is a file with a problem. Hidden files
// and folders are left out. A folder that cannot be read is an error, for no one could say what is
// missing. It keeps the names of one folder at a time, and of those above it.
func walk(ctx context.Context, root string, suffixes []string) iter.Seq2[found, error] {
	return func(yield func(found, error) bool) {
		info, err := os.Stat(root)
		if err != nil {
			yield(found{}, err)
			return
		}
		if !info.IsDir() {
			yield(found{name: filepath.Base(root), size: info.Size()}, nil)
			return
		}
		w := &walker{ctx: ctx, root: root, suffixes: suffixes, yield: yield}
		w.dir("", []fs.FileInfo{info})
	}
}

type walker struct {
	ctx      context.Context
	root     string
	suffixes []string
	yield    func(found, error) bool
}

// dir walks a folder; above are its own and its parents' identities. It returns false to stop.
func (w *walker) dir(name string, above []fs.FileInfo) bool {
	names, err := readNames(filepath.Join(w.root, filepath.FromSlash(name)))
	if err == nil {
		err = w.ctx.Err()
	}
	if err != nil {
		w.yield(found{}, err)
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
		return !w.wanted(name) || w.yield(found{name: name, problem: cause(err)}, nil)
	case info.IsDir():
		if slices.ContainsFunc(above, func(a fs.FileInfo) bool { return os.SameFile(a, info) }) {
			return w.yield(found{name: name, problem: "a link to a folder that it lies in"}, nil)
		}
		return w.dir(name, append(above, info))
	case w.wanted(name):
		if !info.Mode().IsRegular() {
			return w.yield(found{name: name, problem: "not a regular file"}, nil)
		}
		return w.yield(found{name: name, size: info.Size()}, nil)
	}
	return true
}

func (w *walker) wanted(name string) bool {
	return slices.ContainsFunc(w.suffixes, func(s string) bool { return strings.HasSuffix(name, s) })
}

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

// cause is an error without the path that a PathError puts before it.
func cause(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	return err.Error()
}

// locate returns the path of a part. A corpus that is one file has only that part.
func locate(root, name string) (string, error) {
	info, err := os.Stat(root)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return root, nil
	}
	return filepath.Join(root, filepath.FromSlash(name)), nil
}

// batch puts parts together to units. size is about what a part's reading costs, in bytes.
type batch struct {
	yield func(Unit, error) bool
	unit  Unit
}

// add returns false to stop.
func (b *batch) add(p Part, size int64) bool {
	b.unit.Parts = append(b.unit.Parts, p)
	b.unit.Bytes += size
	return b.unit.Bytes < unitBytes && len(b.unit.Parts) < unitParts || b.flush()
}

func (b *batch) flush() bool {
	if len(b.unit.Parts) == 0 {
		return true
	}
	u := b.unit
	b.unit = Unit{}
	return b.yield(u, nil)
}

// fileUnits batches the files of a walk; parts cuts a file into its parts with their sizes.
func fileUnits(ctx context.Context, root string, suffixes []string,
	parts func(found) iter.Seq2[Part, int64]) iter.Seq2[Unit, error] {
	return func(yield func(Unit, error) bool) {
		b, files := batch{yield: yield}, 0
		for f, err := range walk(ctx, root, suffixes) {
			if err != nil {
				yield(Unit{}, err)
				return
			}
			files++
			for p, size := range parts(f) {
				if !b.add(p, size) {
					return
				}
			}
		}
		if files == 0 {
			yield(Unit{}, fmt.Errorf("%s holds no files that end in %s", root, strings.Join(suffixes, ", ")))
			return
		}
		b.flush()
	}
}

// whole is the only part of a file that is not cut.
func whole(f found) iter.Seq2[Part, int64] {
	return func(yield func(Part, int64) bool) { yield(Part{Name: f.name, Problem: f.problem}, f.size) }
}
