package model

import (
	"errors"
	"fmt"
	"math"
)

// Decoder reads the tokens of one sequence one after another and keeps their keys and values, so
// that each token is computed once. It shares its model's backend and is used like it.
type Decoder struct {
	cache  *Cache
	reader *Reader
	n      int       // tokens read
	last   []float32 // logits after the last token
}

// DefaultChunk is the number of tokens that a Decoder reads at a time.
const DefaultChunk = 512

// NewDecoder reserves the cache of capacity tokens, at most the model's context, and the working
// memory of reading chunk tokens at a time (0: DefaultChunk).
func (m *Model) NewDecoder(capacity, chunk int) (*Decoder, error) {
	if capacity <= 0 || capacity > m.options.Context {
		return nil, fmt.Errorf("decoder: %d tokens outside [1, %d], the model's context",
			capacity, m.options.Context)
	}
	if chunk <= 0 {
		chunk = DefaultChunk
	}
	d := &Decoder{}
	var err error
	if d.cache, err = m.NewCache(capacity); err == nil {
		d.reader, err = d.cache.NewReader(min(chunk, capacity), 1)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("decoder: %w", err), d.Close())
	}
	return d, nil
}

// Read appends tokens and returns the logits [Vocab] after the last of them; the slice is valid
// until the next call.
func (d *Decoder) Read(ids ...int32) ([]float32, error) {
	if len(ids) == 0 || d.n+len(ids) > d.cache.rows {
		return nil, fmt.Errorf("decoder: %d tokens after %d, capacity %d", len(ids), d.n, d.cache.rows)
	}
	if err := d.reader.check(Part{IDs: ids, Known: d.n}); err != nil {
		return nil, fmt.Errorf("decoder: %w", err)
	}
	for len(ids) > 0 {
		n := min(d.reader.tokens, len(ids))
		part := [1]Part{{IDs: ids[:n], Known: d.n, Quiet: n < len(ids)}}
		err := d.reader.read(part[:], func(_ int, row []float32) error {
			d.last = row // of the workspace, which is the reader's
			return nil
		})
		if err != nil {
			return nil, err
		}
		d.n += n
		ids = ids[n:]
	}
	return d.last, nil
}

// Len returns the number of tokens read.
func (d *Decoder) Len() int { return d.n }

// Truncate forgets all but the first n tokens.
func (d *Decoder) Truncate(n int) {
	if n < 0 || n > d.n {
		panic(fmt.Sprintf("decoder: truncate to %d of %d tokens", n, d.n))
	}
	d.n = n
}

// Forget drops the tokens [from, to) and moves those behind them up: see Reader.Forget.
func (d *Decoder) Forget(from, to int) error {
	if err := d.reader.Forget(0, d.n, from, to); err != nil {
		return err
	}
	d.n -= to - from
	return nil
}

// Close releases the cache.
func (d *Decoder) Close() error { return errors.Join(d.reader.Close(), d.cache.Close()) }

// Greatest returns the index of the largest logit, the first of equals.
func Greatest(logits []float32) int32 {
	best, at := float32(math.Inf(-1)), 0
	for i, v := range logits {
		if v > best {
			best, at = v, i
		}
	}
	return int32(at)
}
