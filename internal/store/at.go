package store

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// blockBytes is what a read of an object brings at least, and blocks how many of those an open object
// keeps: readers of Parquet ask for many small pieces that lie side by side.
const (
	blockBytes = 4 << 20
	blocks     = 8
)

// objectAt reads an object at any place, by blocks that it keeps.
type objectAt struct {
	ctx    context.Context
	store  *remote
	name   string
	object Object

	mu     sync.Mutex
	kept   map[int64]*list.Element // of *block
	recent *list.List
}

// block is a piece of an object; it is loaded once, by the first that needs it.
type block struct {
	number int64
	once   sync.Once
	data   []byte
	err    error
}

func (r *remote) OpenAt(ctx context.Context, name string) (FileAt, error) {
	f, err := r.Stat(ctx, name)
	if err != nil {
		return nil, err
	}
	return &objectAt{
		ctx: ctx, store: r, name: name, object: Object{Size: f.Size, Version: f.Version},
		kept: map[int64]*list.Element{}, recent: list.New(),
	}, nil
}

func (o *objectAt) Size() int64  { return o.object.Size }
func (o *objectAt) Close() error { return nil }

func (o *objectAt) ReadAt(p []byte, at int64) (n int, err error) {
	if at < 0 {
		return 0, fmt.Errorf("read %s: at byte %d", o.store.Place(o.name), at)
	}
	for n < len(p) && at < o.object.Size {
		number := at / blockBytes
		b := o.block(number)
		b.once.Do(func() { b.data, b.err = o.load(number) })
		if b.err != nil {
			o.forget(b)
			return n, b.err
		}
		k := copy(p[n:], b.data[at-number*blockBytes:])
		n, at = n+k, at+int64(k)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// block returns a kept block or a new one, and makes room for it.
func (o *objectAt) block(number int64) *block {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e, ok := o.kept[number]; ok {
		o.recent.MoveToFront(e)
		return e.Value.(*block)
	}
	b := &block{number: number}
	o.kept[number] = o.recent.PushFront(b)
	if o.recent.Len() > blocks {
		last := o.recent.Remove(o.recent.Back()).(*block)
		delete(o.kept, last.number)
	}
	return b
}

// forget drops a block that could not be loaded, so that a later read tries anew.
func (o *objectAt) forget(b *block) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e, ok := o.kept[b.number]; ok && e.Value == b {
		o.recent.Remove(e)
		delete(o.kept, b.number)
	}
}

func (o *objectAt) load(number int64) ([]byte, error) {
	from := number * blockBytes
	data := make([]byte, min(blockBytes, o.object.Size-from))
	s := newStream(o.ctx, o.store, o.name, from, int64(len(data)))
	s.object, s.known = o.object, true
	_, err := io.ReadFull(s, data)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = o.store.failed("read", o.name, ErrChanged)
	}
	return data, errors.Join(err, s.Close())
}
