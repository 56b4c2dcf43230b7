// Package spill sorts more records than fit into memory: sorted runs go to disk, as Arrow IPC streams,
// and are merged.
package spill

import (
	"cmp"
	"container/heap"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// Record is what deduplication sorts: a key, the document that has it, and where.
type Record struct {
	Key      [2]uint64
	Doc      uint64
	From, To uint32
}

// recordBytes is the size of a Record in memory.
const recordBytes = 32

// Compare orders records by all their fields.
func (r Record) Compare(o Record) int {
	return cmp.Or(cmp.Compare(r.Key[0], o.Key[0]), cmp.Compare(r.Key[1], o.Key[1]),
		cmp.Compare(r.Doc, o.Doc), cmp.Compare(r.From, o.From), cmp.Compare(r.To, o.To))
}

// Sorter sorts records in bounded memory. Add may be called concurrently; then Sorted once.
type Sorter struct {
	dir, name string
	most      int // records of a buffer

	mu     sync.Mutex
	buffer []Record
	free   [][]Record // written, to be filled again
	runs   int
}

// NewSorter returns a Sorter that keeps its runs in dir, under names that begin with name. A buffer of
// memory bytes is filled while others, at most one for each goroutine that calls Add, are written.
func NewSorter(dir, name string, memory int64) *Sorter {
	return &Sorter{dir: dir, name: name, most: int(max(memory/recordBytes, 1024))}
}

// Add takes records in.
func (s *Sorter) Add(records ...Record) error {
	for len(records) > 0 {
		s.mu.Lock()
		n := min(len(records), s.most-len(s.buffer))
		if last := len(s.free) - 1; s.buffer == nil && last >= 0 {
			s.buffer, s.free = s.free[last], s.free[:last]
		}
		s.buffer = append(s.buffer, records[:n]...)
		records = records[n:]
		var full []Record
		run := s.runs
		if len(s.buffer) == s.most {
			full, s.buffer = s.buffer, nil
			s.runs++
		}
		s.mu.Unlock()
		if full != nil {
			if err := s.write(run, full); err != nil {
				return err
			}
			s.mu.Lock()
			s.free = append(s.free, full[:0])
			s.mu.Unlock()
		}
	}
	return nil
}

func (s *Sorter) path(run int) string {
	return filepath.Join(s.dir, fmt.Sprintf("%s-%d.run", s.name, run))
}

func (s *Sorter) write(run int, records []Record) error {
	slices.SortFunc(records, Record.Compare)
	return writeRun(s.path(run), records)
}

// Sorted streams the records in order and removes the runs when it ends.
func (s *Sorter) Sorted() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		s.free = nil
		slices.SortFunc(s.buffer, Record.Compare)
		h := merge{}
		defer func() { h.close() }()
		if len(s.buffer) > 0 {
			h = append(h, &cursor{records: s.buffer})
		}
		for run := range s.runs {
			c := &cursor{path: s.path(run)}
			if err := c.open(); err != nil {
				yield(Record{}, err)
				return
			}
			h = append(h, c)
		}
		heap.Init(&h)
		for len(h) > 0 {
			if !yield(h[0].records[0], nil) {
				return
			}
			if err := h.advance(); err != nil {
				yield(Record{}, err)
				return
			}
		}
		s.buffer = nil
	}
}

// cursor is the rest of a run; records are those that were read.
type cursor struct {
	path    string
	reader  *runReader
	records []Record
}

func (c *cursor) open() (err error) {
	if c.reader, err = newRunReader(c.path); err != nil {
		return err
	}
	c.records, err = c.reader.next()
	return err
}

// merge is a heap of cursors, none of them empty.
type merge []*cursor

func (m merge) Len() int           { return len(m) }
func (m merge) Less(i, j int) bool { return m[i].records[0].Compare(m[j].records[0]) < 0 }
func (m merge) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }
func (m *merge) Push(x any)        { *m = append(*m, x.(*cursor)) }

func (m *merge) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}

func (m *merge) advance() (err error) {
	c := (*m)[0]
	c.records = c.records[1:]
	if len(c.records) == 0 && c.reader != nil {
		if c.records, err = c.reader.next(); err != nil {
			return err
		}
	}
	if len(c.records) == 0 {
		heap.Pop(m)
		return c.close()
	}
	heap.Fix(m, 0)
	return nil
}

func (c *cursor) close() error {
	if c.reader == nil {
		return nil
	}
	return errors.Join(c.reader.close(), os.Remove(c.path))
}

func (m merge) close() {
	for _, c := range m {
		c.close() //nolint:errcheck // only read, and the folder goes
	}
}
