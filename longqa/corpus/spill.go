package corpus

import (
	"bufio"
	"context"
	"encoding/gob"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
)

// bufferBytes is that of a spill's file.
const bufferBytes = 1 << 18

// Spilled reads a corpus once and keeps its documents in a file of a folder, so that what costs
// much to read, as PDF, is read once. each is called for every item, and reports whether a document
// is kept; it may give the item another id. No two kept items of a corpus have the same.
func (c *Corpus) Spilled(ctx context.Context, folder string,
	each func(*Item) (bool, error)) (*Spill, error) {
	s := &Spill{corpus: c}
	if c.Parent != nil { // Parquet is read again as fast as a spill
		s.kept = map[string]string{}
		for it, err := range c.Items(ctx) {
			if err != nil {
				return nil, err
			}
			id := it.DocID
			keep, err := each(&it)
			if err != nil {
				return nil, err
			}
			if keep {
				s.kept[id] = it.DocID
			}
		}
		return s, nil
	}
	f, err := os.CreateTemp(folder, "corpus-*")
	if err != nil {
		return nil, err
	}
	w := bufio.NewWriterSize(f, bufferBytes)
	e := gob.NewEncoder(w)
	for it, err := range c.Items(ctx) {
		if err == nil {
			var keep bool
			if keep, err = each(&it); err == nil && keep {
				err = e.Encode(&it)
			}
		}
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	s.name = filepath.Clean(f.Name())
	return s, errors.Join(w.Flush(), f.Close())
}

// Spill holds the documents of a corpus that are kept.
type Spill struct {
	corpus *Corpus
	name   string
	kept   map[string]string // ids by those of the corpus
}

// Items streams the kept documents in the corpus's order.
func (s *Spill) Items(ctx context.Context) iter.Seq2[Item, error] {
	if s.kept != nil {
		return s.again(ctx)
	}
	return func(yield func(Item, error) bool) {
		f, err := os.Open(s.name)
		if err != nil {
			yield(Item{}, err)
			return
		}
		defer f.Close()
		for d := gob.NewDecoder(bufio.NewReaderSize(f, bufferBytes)); ; {
			var it Item
			err := d.Decode(&it)
			if errors.Is(err, io.EOF) || !yield(it, err) || err != nil {
				return
			}
		}
	}
}

func (s *Spill) again(ctx context.Context) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for it, err := range s.corpus.Items(ctx) {
			if err == nil {
				id, kept := s.kept[it.DocID]
				if it.Reason != "" || !kept {
					continue
				}
				it.DocID = id
			}
			if !yield(it, err) || err != nil {
				return
			}
		}
	}
}
