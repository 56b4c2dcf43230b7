package ipc

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Reader is an array.RecordReader of a stream. Except for Retain and Release it must not be used
// concurrently.
type Reader struct {
	refs         atomic.Int64
	source       source
	o            Options
	schema       *arrow.Schema
	fields       []field
	dictionaries map[int64]*dictionary
	record       arrow.Record
	done         bool
	err          error
}

var _ array.RecordReader = (*Reader)(nil)

// NewReader reads the schema of a stream, or of an IPC file, whose batches it then reads in order.
// The reader must be released.
func NewReader(r io.Reader, o Options) (*Reader, error) {
	return newReader(&stream{r: r}, o)
}

// NewMessageReader reads a stream whose messages come one by one, as metadata and body: next returns
// io.EOF after the last.
func NewMessageReader(next func() (metadata, body []byte, err error), o Options) (*Reader, error) {
	return newReader(messages(next), o)
}

func newReader(s source, o Options) (*Reader, error) {
	r := &Reader{source: s, o: o.withDefaults(), dictionaries: map[int64]*dictionary{}}
	r.refs.Store(1)
	m, err := s.next(r.o)
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: no schema", ErrMalformed)
	}
	if err == nil {
		r.schema, r.fields, err = readSchema(m)
		m.body.Release()
	}
	if err == nil {
		err = guard(func() error { return r.registerDictionaries() })
	}
	if err != nil {
		return nil, fmt.Errorf("read Arrow IPC: %w", err)
	}
	return r, nil
}

// messages is the source of messages that come one by one.
type messages func() (metadata, body []byte, err error)

func (f messages) next(o Options) (*message, error) {
	meta, body, err := f()
	if err != nil {
		return nil, err
	}
	if len(meta) > mostMetadata {
		return nil, fmt.Errorf("%w: its metadata has %d bytes", ErrTooLarge, len(meta))
	}
	m, n, err := parseMessage(meta)
	if err == nil {
		err = checkBody(int64(len(body)), o.MaxMessage)
	}
	if err == nil && n > int64(len(body)) {
		err = fmt.Errorf("%w: a body of %d bytes, %d were announced", ErrMalformed, len(body), n)
	}
	if err != nil {
		return nil, err
	}
	m.body = memory.NewResizableBuffer(o.Allocator)
	m.body.Resize(len(body))
	copy(m.body.Bytes(), body)
	return m, nil
}

// Schema returns the schema of the batches.
func (r *Reader) Schema() *arrow.Schema { return r.schema }

// Record returns the current batch, valid until the next call of Next unless it is retained.
func (r *Reader) Record() arrow.Record { return r.record }

// Err returns what ended the stream early.
func (r *Reader) Err() error { return r.err }

// Retain adds a reference.
func (r *Reader) Retain() { r.refs.Add(1) }

// Release gives up a reference; with the last one everything is freed.
func (r *Reader) Release() {
	if r.refs.Add(-1) == 0 {
		r.drop()
		for _, d := range r.dictionaries {
			d.release()
		}
	}
}

func (r *Reader) drop() {
	if r.record != nil {
		r.record.Release()
		r.record = nil
	}
}

// Next makes the next batch current.
func (r *Reader) Next() bool {
	r.drop()
	for !r.done && r.record == nil {
		if err := r.step(); err != nil {
			r.done = true
			if !errors.Is(err, io.EOF) {
				r.err = fmt.Errorf("read Arrow IPC: %w", err)
			}
		}
	}
	return r.record != nil
}

// step reads one message.
func (r *Reader) step() error {
	m, err := r.source.next(r.o)
	if err != nil {
		return err
	}
	defer m.body.Release()
	return guard(func() (err error) {
		switch m.kind {
		case kindDictionary:
			return r.readDictionary(m)
		case kindBatch:
			r.record, err = r.readBatch(m)
			return err
		}
		return fmt.Errorf("%w: a message of kind %d between batches", ErrMalformed, m.kind)
	})
}
