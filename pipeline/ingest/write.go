package ingest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"longlora/pipeline/pool"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// fileBytes is the size of text at which a unit begins another file.
const fileBytes = 256 << 20

// maxParts is the number of files that a unit may have in a split.
const maxParts = 1 << 20

// write turns the spilled documents into the dataset's files. It returns how many there are, and
// their characters.
func write(ctx context.Context, o Options, b *shard.Builder, s *scanned,
	f *fates) (kept, chars int64, err error) {
	type job struct{ unit, first int }
	jobs := func(yield func(job, error) bool) {
		first := 0
		for unit, entries := range s.entries {
			if !yield(job{unit, first}, nil) {
				return
			}
			first += entries
		}
	}
	var mu sync.Mutex
	err = pool.Each(ctx, o.Workers, jobs, func() func(context.Context, job) error {
		return func(ctx context.Context, j job) error {
			w := &unitWriter{o: o, b: b, f: f, unit: j.unit, files: map[string]*openFile{}}
			err := w.run(ctx, s.scratch, j.first)
			mu.Lock()
			defer mu.Unlock()
			kept += w.kept
			chars += w.chars
			return err
		}
	})
	if err != nil {
		return 0, 0, fmt.Errorf("ingest: %w", err)
	}
	return kept, chars, nil
}

// unitWriter writes one unit's documents, a file for each split.
type unitWriter struct {
	o           Options
	b           *shard.Builder
	f           *fates
	unit        int
	files       map[string]*openFile
	kept, chars int64
}

type openFile struct {
	w     *shard.FileWriter[schemas.Document]
	part  int
	bytes int64
}

// run writes the unit whose first document has the given number.
func (w *unitWriter) run(ctx context.Context, scratch string, doc int) error {
	for d, err := range spilled(scratch, w.unit) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = w.document(doc, d)
		}
		if err != nil {
			return err
		}
		doc++
	}
	for _, f := range w.files {
		if err := f.w.Close(); err != nil {
			return err
		}
	}
	return os.Remove(docsName(scratch, w.unit))
}

func (w *unitWriter) document(doc int, d schemas.Document) error {
	if !w.f.kept(doc) {
		reason, of, err := w.f.duplicateOf(doc)
		w.b.Reject(d.DocID, reason, "of "+of)
		return err
	}
	split, err := w.f.split(w.o, doc, d.DocID)
	if err != nil {
		return err
	}
	file, err := w.file(split)
	if err != nil {
		return err
	}
	w.kept++
	w.chars += d.NChars
	file.bytes += int64(len(d.Text))
	return file.w.Write(d)
}

// file returns the open file of a split.
func (w *unitWriter) file(split string) (*openFile, error) {
	f := w.files[split]
	if f != nil && f.bytes < fileBytes {
		return f, nil
	}
	next := &openFile{}
	if f != nil {
		if err := f.w.Close(); err != nil {
			return nil, err
		}
		next.part = f.part + 1
	}
	if next.part == maxParts {
		return nil, errors.New("a unit has too many files")
	}
	var err error
	next.w, err = shard.NewFile[schemas.Document](w.b, split, w.unit*maxParts+next.part)
	w.files[split] = next
	return next, err
}
