package shard

import (
	"bufio"
	"cmp"
	"container/heap"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// rejectRun is the size, in bytes, at which rejected inputs move from memory to a sorted run on disk.
const rejectRun = 4 << 20

// rejected is an input that did not become a row.
type rejected struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
	Detail string `json:"detail,omitempty"`
}

func (r rejected) compare(o rejected) int {
	return cmp.Or(cmp.Compare(r.ID, o.ID), cmp.Compare(r.Reason, o.Reason),
		cmp.Compare(r.Detail, o.Detail))
}

// rejectList sorts rejected inputs in constant memory.
type rejectList struct {
	dir    string // for the runs
	most   int    // bytes in memory
	recent []rejected
	bytes  int // of recent
	runs   []string
	counts map[string]int64 // by reason
	err    error            // of writing a run
}

func (l *rejectList) add(r rejected) {
	l.counts[r.Reason]++
	l.recent = append(l.recent, r)
	l.bytes += len(r.ID) + len(r.Detail) + 64
	if l.bytes >= l.most && l.err == nil {
		l.err = l.spill()
	}
}

// spill writes the recent inputs as a sorted run.
func (l *rejectList) spill() error {
	slices.SortFunc(l.recent, rejected.compare)
	name := filepath.Join(l.dir, fmt.Sprintf("rejects-%d", len(l.runs)))
	err := writeLines(name, func(write func(rejected) error) error {
		for _, r := range l.recent {
			if err := write(r); err != nil {
				return err
			}
		}
		return nil
	})
	clear(l.recent)
	l.runs, l.recent, l.bytes = append(l.runs, name), l.recent[:0], 0
	return err
}

// write merges everything into one sorted list.
func (l *rejectList) write(to io.Writer) error {
	if l.err != nil {
		return l.err
	}
	if err := l.spill(); err != nil {
		return err
	}
	var h runHeap
	defer h.close()
	for _, run := range l.runs {
		r, err := openRun(run)
		if err != nil {
			return err
		}
		if r != nil {
			h = append(h, r)
		}
	}
	heap.Init(&h)
	e := newLineEncoder(to)
	for len(h) > 0 {
		if err := e.Encode(h[0].next); err != nil {
			return err
		}
		if err := h.advance(); err != nil {
			return err
		}
	}
	return nil
}

// writeLines writes a file of JSON lines.
func writeLines(name string, lines func(write func(rejected) error) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	e := newLineEncoder(w)
	err = lines(func(r rejected) error { return e.Encode(r) })
	return errors.Join(err, w.Flush(), f.Close())
}

func newLineEncoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e
}

// run is a sorted file of which next is the first line that is not merged yet.
type run struct {
	file    *os.File
	decoder *json.Decoder
	next    rejected
}

// openRun returns nil for an empty run.
func openRun(name string) (*run, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	r := &run{file: f, decoder: json.NewDecoder(bufio.NewReader(f))}
	if err := r.read(); errors.Is(err, io.EOF) {
		return nil, f.Close()
	} else if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

func (r *run) read() error {
	r.next = rejected{}
	return r.decoder.Decode(&r.next)
}

// runHeap has the run with the least next line first.
type runHeap []*run

func (h runHeap) Len() int           { return len(h) }
func (h runHeap) Less(i, j int) bool { return h[i].next.compare(h[j].next) < 0 }
func (h runHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *runHeap) Push(x any)        { *h = append(*h, x.(*run)) }

func (h *runHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// advance reads on in the first run.
func (h *runHeap) advance() error {
	r := (*h)[0]
	if err := r.read(); errors.Is(err, io.EOF) {
		heap.Pop(h)
		return r.file.Close()
	} else if err != nil {
		return err
	}
	heap.Fix(h, 0)
	return nil
}

func (h runHeap) close() {
	for _, r := range h {
		r.file.Close() //nolint:errcheck // only read
	}
}
