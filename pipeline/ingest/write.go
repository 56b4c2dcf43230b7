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

// written is what writing counts. Those of units add up.
type written struct {
	Documents, Characters int64
	Repeats               repeatCounts
}

// write turns the spilled documents into the dataset's files.
func write(ctx context.Context, o Options, b *shard.Builder, s *scanned,
	f *fates) (total written, err error) {
	units := func(yield func(int, error) bool) {
		for unit := range s.entries {
			if !yield(unit, nil) {
				return
			}
		}
	}
	var mu sync.Mutex
	err = pool.Each(ctx, o.Workers, units, func() func(context.Context, int) error {
		return func(ctx context.Context, unit int) error {
			w := &unitWriter{
				o: o, b: b, f: f, unit: unit, files: map[string]*openFile{},
				passages: f.passages.unit(unit), lines: f.lines.unit(unit),
			}
			err := w.run(ctx, s.scratch, s.first[unit])
			mu.Lock()
			defer mu.Unlock()
			total.Documents += w.counts.Documents
			total.Characters += w.counts.Characters
			total.Repeats.add(w.counts.Repeats)
			return err
		}
	})
	if err != nil {
		return written{}, fmt.Errorf("ingest: %w", err)
	}
	return total, nil
}

// unitWriter writes one unit's documents, a file for each split and one for what is dropped.
type unitWriter struct {
	o               Options
	b               *shard.Builder
	f               *fates
	unit            int
	files           map[string]*openFile
	dropped         *shard.DroppedWriter
	passages, lines *repeatReader
	counts          written
}

type openFile struct {
	w     *shard.FileWriter[schemas.Document]
	part  int
	bytes int64
}

// run writes the unit whose first document has the given number.
func (w *unitWriter) run(ctx context.Context, scratch string, first int) error {
	local := 0
	for d, err := range spilled(scratch, w.unit) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && d.Reason != "" {
			err = w.drop(&d)
		} else if err == nil {
			err = w.document(first+local, local, &d)
			local++
		}
		if err != nil {
			return err
		}
	}
	for _, f := range w.files {
		if err := f.w.Close(); err != nil {
			return err
		}
	}
	if w.dropped != nil {
		if err := w.dropped.Close(); err != nil {
			return err
		}
	}
	return os.Remove(docsName(scratch, w.unit))
}

// document writes a document that scanning kept, the unit's local-th.
func (w *unitWriter) document(doc, local int, d *scannedDocument) error {
	if !w.f.kept(doc) {
		reason, of, err := w.f.duplicateOf(doc)
		if err != nil {
			return err
		}
		return w.reject(d, reason, "of "+of)
	}
	whole := d.Text
	if err := w.repeats(local, &d.Document); err != nil {
		return err
	}
	if d.NChars < max(w.o.Filter.MinChars, 1) && len(d.Text) < len(whole) {
		detail := fmt.Sprintf("%d characters are left without repeated parts", d.NChars)
		d.Text = whole
		d.Seal()
		return w.reject(d, "repeated elsewhere", detail)
	}
	split, err := w.f.split(w.o, doc, d.DocID)
	if err != nil {
		return err
	}
	file, err := w.file(split)
	if err != nil {
		return err
	}
	w.counts.Documents++
	w.counts.Characters += d.NChars
	file.bytes += int64(len(d.Text))
	return file.w.Write(d.Document)
}

// reject drops a document that scanning kept.
func (w *unitWriter) reject(d *scannedDocument, reason, detail string) error {
	w.b.Reject(d.DocID, reason, detail)
	if w.o.NoDropped {
		return nil
	}
	d.Reason, d.Detail = reason, detail
	return w.drop(d)
}

// drop keeps the text of a document that is dropped.
func (w *unitWriter) drop(d *scannedDocument) (err error) {
	if w.dropped == nil {
		if w.dropped, err = shard.NewDropped(w.b, w.unit); err != nil {
			return err
		}
	}
	return w.dropped.Write(schemas.Dropped{
		DocID: d.DocID, Source: d.Source, Title: d.Title, Text: d.Text, Language: d.Language,
		Licence: d.Licence, URL: d.URL, NChars: d.NChars, Reason: d.Reason, Detail: d.Detail,
	})
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
