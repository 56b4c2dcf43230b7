package model

import (
	"errors"
	"fmt"
	"math"

	"longlora/kernels"
)

// Decoder reads tokens one after another and keeps their keys and values, so that each token is
// computed once. Attention is full. It shares its model's backend and is used like it.
type Decoder struct {
	m         *Model
	capacity  int
	chunk     int
	n         int // tokens read
	cache     kernels.Arena
	work      workspace
	k, v      []kernels.Tensor // [capacity, Hkv·Dh], one a layer
	last      []float32        // logits after the last token
	positions []int32
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
	d := &Decoder{m: m, capacity: capacity, chunk: min(chunk, capacity)}
	need, err := m.count(func(twin *Model) error {
		t := &Decoder{m: twin, capacity: capacity, chunk: d.chunk, work: twin.work}
		if err := t.reserveCache(); err != nil {
			return err
		}
		t.n = capacity - d.chunk
		_, err := t.read(make([]int32, d.chunk))
		return errors.Join(err, t.cache.Close())
	})
	if err == nil {
		err = d.reserveCache()
	}
	if err == nil {
		d.work.arena, err = m.b.NewArena(need)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("decoder: %w", err), d.Close())
	}
	return d, nil
}

func (d *Decoder) reserveCache() (err error) {
	c := d.m.config
	width := c.KVHeads * c.HeadDim
	size := 2 * int64(c.Layers) * alignedBytes(d.capacity*width, d.m.options.activations())
	if d.cache, err = d.m.b.NewArena(size); err != nil {
		return err
	}
	for range c.Layers {
		d.k = append(d.k, d.cache.Alloc(d.m.options.activations(), d.capacity, width))
		d.v = append(d.v, d.cache.Alloc(d.m.options.activations(), d.capacity, width))
	}
	return nil
}

// Read appends tokens and returns the logits [Vocab] after the last of them; the slice is valid
// until the next call.
func (d *Decoder) Read(ids ...int32) ([]float32, error) {
	if len(ids) == 0 || d.n+len(ids) > d.capacity {
		return nil, fmt.Errorf("decoder: %d tokens after %d, capacity %d", len(ids), d.n, d.capacity)
	}
	for i, id := range ids {
		if id < 0 || int(id) >= d.m.config.Vocab {
			return nil, fmt.Errorf("decoder: token %d at %d outside vocabulary %d",
				id, d.n+i, d.m.config.Vocab)
		}
	}
	for len(ids) > 0 {
		n := min(d.chunk, len(ids))
		if _, err := d.read(ids[:n]); err != nil {
			return nil, err
		}
		ids = ids[n:]
	}
	return d.last, nil
}

// read appends at most a chunk of tokens.
func (d *Decoder) read(ids []int32) ([]float32, error) {
	m := d.m
	saved := m.work
	m.work = d.work
	defer func() { d.work, m.work = m.work, saved }()
	arena := m.work.arena
	defer arena.Release(arena.Mark())
	d.positions = d.positions[:0]
	for i := range ids {
		d.positions = append(d.positions, int32(d.n+i))
	}
	keys := d.n + len(ids)
	p := m.begin(&Batch{
		IDs: ids, Positions: d.positions, Segments: Full(keys, m.config.Heads, d.n),
	}, 0)
	p.cache = d
	x := m.hidden(&p)
	d.n = keys
	err := m.headLogits(x.Slice(0, len(ids)-1, len(ids)), func(_ int, row []float32) error {
		d.last = row // of the workspace, which is d's
		return nil
	})
	return d.last, err
}

// keyValues finds the place of the next tokens' keys and values in a layer's cache.
func (d *Decoder) keyValues(layer, tokens int) keyValues {
	k, v, from, to := d.k[layer], d.v[layer], d.n, d.n+tokens
	return keyValues{
		k: k.Slice(0, from, to), v: v.Slice(0, from, to),
		allK: k.Slice(0, 0, to), allV: v.Slice(0, 0, to),
	}
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

// Close releases the cache.
func (d *Decoder) Close() error {
	err := d.work.close()
	if d.cache != nil {
		err = errors.Join(err, d.cache.Close())
		d.cache = nil
	}
	return err
}

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
