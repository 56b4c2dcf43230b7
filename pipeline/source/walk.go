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

// wanted reports whether a source that reads files of these suffixes has to do with a file. One that
// was named itself is read whatever its suffix; a link to a folder above it has a name of its own.
func wanted(f store.File, suffixes []string) bool {
	return f.Single || f.Problem == store.LinkLoop ||
		slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(f.Name, s) })
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
func fileUnits(ctx context.Context, s store.Store, suffixes []string,
	parts func(store.File) iter.Seq2[Part, int64]) iter.Seq2[Unit, error] {
	return func(yield func(Unit, error) bool) {
		b, files := batch{yield: yield}, 0
		for f, err := range s.Walk(ctx) {
			if err != nil {
				yield(Unit{}, err)
				return
			}
			if !wanted(f, suffixes) {
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
			yield(Unit{}, fmt.Errorf("%s holds no files that end in %s", s.Location(),
				strings.Join(suffixes, ", ")))
			return
		}
		b.flush()
	}
}

// whole is the only part of a file that is not cut.
func whole(f store.File) iter.Seq2[Part, int64] {
	return func(yield func(Part, int64) bool) { yield(Part{Name: f.Name, Problem: f.Problem}, f.Size) }
}
