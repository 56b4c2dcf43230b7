package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"
	"time"
)

// stream reads an object from an offset on. A connection that breaks, falls silent or ends early is
// made again at the place that was reached, as long as the object is the same.
type stream struct {
	ctx    context.Context
	store  *remote
	name   string
	at     int64 // of the next byte
	end    int64 // of the range; negative: the object's
	object Object
	known  bool // object is that of an earlier connection

	body   io.ReadCloser
	cancel context.CancelCauseFunc
	idle   *time.Timer
	silent *atomic.Bool // the timer ended the connection
	failed int          // tries since the last byte
	err    error
}

// newStream returns a stream of length bytes, or to the object's end if length is negative.
func newStream(ctx context.Context, r *remote, name string, offset, length int64) *stream {
	s := &stream{ctx: ctx, store: r, name: name, at: offset, end: -1}
	if length >= 0 {
		s.end = offset + length
	}
	return s
}

// open makes a connection; it tries again as long as the failure is temporary.
func (s *stream) open() error {
	for {
		err := s.connect()
		if err == nil {
			return nil
		}
		if err := s.again(err); err != nil {
			return err
		}
	}
}

// again waits before the next try, or returns the error that ends the reading.
func (s *stream) again(err error) error {
	if s.ctx.Err() != nil {
		return s.ctx.Err()
	}
	if !Temporary(err) {
		return err
	}
	if s.failed++; s.failed >= s.store.retry.Tries {
		return fmt.Errorf("%w (%d tries)", err, s.failed)
	}
	return s.store.retry.Wait(s.ctx, s.failed)
}

// Size is that of the object; a stream is open from its beginning on.
func (s *stream) Size() int64 { return s.object.Size }

func (s *stream) connect() error {
	length := int64(-1)
	if s.end >= 0 {
		length = s.end - s.at
	}
	ctx, cancel := context.WithCancelCause(s.ctx)
	silent := new(atomic.Bool)
	idle := time.AfterFunc(s.store.retry.Idle, func() { silent.Store(true); cancel(errSilent) })
	body, object, err := s.store.bucket.Read(ctx, s.store.key(s.name), s.at, length)
	if err == nil && s.known && object != s.object {
		err = errors.Join(ErrChanged, body.Close())
	}
	if err != nil {
		idle.Stop()
		cancel(nil)
		if silent.Load() {
			err = errSilent
		}
		return err
	}
	s.body, s.cancel, s.idle, s.silent = body, cancel, idle, silent
	s.object, s.known = object, true
	if s.end < 0 || s.end > object.Size {
		s.end = object.Size
	}
	return nil
}

// errSilent reports a connection that brought nothing for too long.
var errSilent = fmt.Errorf("%w: nothing came for too long", ErrTemporary)

func (s *stream) disconnect() error {
	if s.body == nil {
		return nil
	}
	s.idle.Stop()
	err := s.body.Close()
	s.cancel(nil)
	s.body = nil
	return err
}

func (s *stream) Read(p []byte) (int, error) {
	for s.err == nil {
		if s.known && s.at >= s.end {
			s.err = io.EOF
			break
		}
		if s.body == nil {
			if err := s.open(); err != nil {
				s.err = s.store.failed("read", s.name, err)
				break
			}
			continue
		}
		n, err := s.body.Read(p[:min(int64(len(p)), s.end-s.at)])
		s.at += int64(n)
		if n > 0 {
			s.failed = 0
			s.idle.Reset(s.store.retry.Idle)
			return n, nil // an error comes again
		}
		if err != nil {
			s.broken(err)
		}
	}
	return 0, s.err
}

// broken ends a connection that did not bring all; the next read makes another, unless it is too late.
func (s *stream) broken(err error) {
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: the object ends after %d of %d bytes", ErrTemporary, s.at, s.object.Size)
	}
	if s.silent.Load() {
		err = errSilent
	}
	_ = s.disconnect() // it broke already
	if err := s.again(err); err != nil {
		s.err = s.store.failed("read", s.name, err)
	}
}

func (s *stream) Close() error {
	err := s.disconnect()
	if s.err == nil {
		s.err = fmt.Errorf("read %s: %w", s.store.Place(s.name), fs.ErrClosed)
	}
	if Temporary(err) { // nobody waits for more
		return nil
	}
	return err
}

// same returns fs.ErrExist unless an object holds just the content.
func (r *remote) same(ctx context.Context, name string, content io.ReaderAt, size int64) error {
	s := newStream(ctx, r, name, 0, -1)
	if err := s.open(); err != nil {
		return err
	}
	defer s.Close()
	if s.object.Size != size {
		return fs.ErrExist
	}
	there, ours := make([]byte, 64<<10), make([]byte, 64<<10)
	for at := int64(0); at < size; {
		n, err := io.ReadFull(s, there[:min(size-at, int64(len(there)))])
		if err != nil {
			return err
		}
		if _, err := content.ReadAt(ours[:n], at); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if !bytes.Equal(there[:n], ours[:n]) {
			return fs.ErrExist
		}
		at += int64(n)
	}
	return nil
}
