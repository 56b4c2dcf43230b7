package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"longlora/internal/store"
)

// suffixesOf returns those of the files that a kind reads.
func suffixesOf(kind string) []string {
	k, err := Find(kind)
	if err != nil {
		return nil
	}
	return k.Suffixes
}

// kindFor returns the name of the kind that reads files of a name, or "".
func kindFor(name string) string {
	for _, k := range Kinds() {
		if hasSuffix(name, k.Suffixes) {
			return k.Name
		}
	}
	return ""
}

func hasSuffix(name string, suffixes []string) bool {
	return slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(name, s) })
}

// wanted reports whether a source that reads files of these suffixes has to do with a file. One that
// was named itself is read whatever its suffix; a link to a folder above it has a name of its own.
func wanted(f store.File, suffixes []string) bool {
	return f.Single || f.Problem == store.LinkLoop || hasSuffix(f.Name, suffixes)
}

// isReject reports an error that is the one file's own: its input is rejected. Others end the run, for
// a store that fails must not make documents disappear.
func isReject(err error) bool {
	_, local := errors.AsType[*fs.PathError](err)
	return local || errors.Is(err, fs.ErrPermission)
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
func fileUnits(ctx context.Context, s store.Store, kind string,
	parts func(store.File) iter.Seq2[Part, int64]) iter.Seq2[Unit, error] {
	suffixes := suffixesOf(kind)
	return func(yield func(Unit, error) bool) {
		b, files, others := batch{yield: yield}, 0, map[string]int{}
		for f, err := range s.Walk(ctx) {
			if err != nil {
				yield(Unit{}, err)
				return
			}
			if !wanted(f, suffixes) {
				others[kindFor(f.Name)]++
				continue
			}
			files++
			for p, size := range parts(f) {
				if !b.add(p, size) {
					return
				}
			}
		}
		if files == 0 {
			yield(Unit{}, fmt.Errorf("%s holds no files that end in %s%s", s.Location(),
				strings.Join(suffixes, ", "), otherKinds(others)))
			return
		}
		b.flush()
	}
}

// otherKinds says which sources would read files that this one does not.
func otherKinds(files map[string]int) string {
	var b strings.Builder
	for _, k := range Kinds() {
		if n := files[k.Name]; n > 0 {
			fmt.Fprintf(&b, "; --source %s reads %d of its files", k.Name, n)
		}
	}
	return b.String()
}

// whole is the only part of a file that is not cut.
func whole(f store.File) iter.Seq2[Part, int64] {
	return func(yield func(Part, int64) bool) { yield(Part{Name: f.Name, Problem: f.Problem}, f.Size) }
}
