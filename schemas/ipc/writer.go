package ipc

import (
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
)

// Writer writes record batches of one schema as a stream. It must not be used concurrently.
type Writer struct {
	o       Options
	limited *limitedWriter
	w       *ipc.Writer
	schema  *arrow.Schema
}

// NewWriter begins a stream. The caller buffers w where that pays.
func NewWriter(w io.Writer, schema *arrow.Schema, o Options) *Writer {
	o = o.withDefaults()
	l := &limitedWriter{w: w, limit: o.MaxMessage}
	return &Writer{
		o: o, limited: l, schema: schema,
		w: ipc.NewWriter(l, ipc.WithSchema(schema), ipc.WithAllocator(o.Allocator)),
	}
}

// Write appends a batch. A batch that is larger than the limit gives ErrTooLarge; the stream is then
// of no use any more.
func (w *Writer) Write(batch arrow.Record) error {
	w.limited.written = 0
	err := guard(func() error {
		if batch.NumRows() > 0 {
			return w.w.Write(batch)
		}
		b := array.NewRecordBuilder(w.o.Allocator, w.schema) // the library stumbles over empty slices
		defer b.Release()
		empty := b.NewRecord()
		defer empty.Release()
		return w.w.Write(empty)
	})
	if w.limited.err != nil {
		err = w.limited.err
	}
	if err != nil {
		return fmt.Errorf("write Arrow IPC: %w", err)
	}
	return nil
}

// Close ends the stream; it does not close what is written to.
func (w *Writer) Close() error {
	w.limited.written = 0
	if err := guard(w.w.Close); err != nil {
		return fmt.Errorf("write Arrow IPC: %w", err)
	}
	return nil
}

// limitedWriter refuses to write more than limit bytes since written was last 0.
type limitedWriter struct {
	w              io.Writer
	written, limit int64
	err            error
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	l.written += int64(len(p))
	if l.err == nil && l.written > l.limit+mostMetadata {
		l.err = fmt.Errorf("%w: more than %d bytes", ErrTooLarge, l.limit)
	}
	if l.err != nil {
		return 0, l.err
	}
	n, err := l.w.Write(p)
	if err != nil {
		l.err = err
	}
	return n, err
}

// guard turns a panic of a library on damaged input into an error. Only calls of libraries and index
// arithmetic over the input belong in f.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrMalformed, r)
		}
	}()
	return f()
}
