package decode

import (
	"errors"
	"slices"

	"longlora/trainer/model"
)

// slot is a decoder with the tokens that it has read.
type slot struct {
	decoder *model.Decoder
	ids     []int32
	bytes   int64
}

// cache keeps the decoders of finished generations, the latest last, within a bound of memory that
// those in use count against too.
type cache struct {
	m     *model.Model
	chunk int
	limit int64
	bytes int64 // of all slots, in use or not
	idle  []*slot
}

// Bytes returns the memory of the keys and values of n tokens.
func Bytes(m *model.Model, n int) int64 {
	c := m.Config()
	return 2 * 4 * int64(n) * int64(c.Layers*c.KVHeads*c.HeadDim)
}

// take returns a slot with room for capacity tokens that has read as much of the prompt as any slot
// has, but for its last token. used are the slots of running generations. A windowed generation
// starts from nothing: where its window stands depends on all that it reads.
func (c *cache) take(prompt []int32, capacity int, windowed bool, used []*slot) (*slot, error) {
	best, n := (*slot)(nil), 0
	if !windowed {
		best, n = longest(prompt, slices.Concat(c.idle, used))
	}
	if i := slices.Index(c.idle, best); i >= 0 && best.decoder.Capacity() >= capacity {
		c.idle = slices.Delete(c.idle, i, i+1)
		best.shorten(n)
		return best, nil
	}
	fresh, err := c.create(capacity, best)
	if err != nil || best == nil {
		return fresh, err
	}
	if err := fresh.decoder.Adopt(best.decoder, n); err != nil {
		return nil, errors.Join(err, c.give(fresh, false))
	}
	fresh.ids = slices.Clone(prompt[:n])
	return fresh, nil
}

// longest returns the slot that shares the longest beginning with the prompt, and its length.
func longest(prompt []int32, slots []*slot) (best *slot, n int) {
	for _, s := range slots {
		k := 0
		for k < len(prompt)-1 && k < len(s.ids) && k < s.decoder.Len() && s.ids[k] == prompt[k] {
			k++
		}
		if k > n {
			best, n = s, k
		}
	}
	return best, n
}

func (s *slot) shorten(n int) {
	s.decoder.Truncate(n)
	s.ids = s.ids[:n]
}

// create makes a slot; the oldest idle ones but keep make room.
func (c *cache) create(capacity int, keep *slot) (*slot, error) {
	need := Bytes(c.m, capacity)
	for i := 0; c.bytes+need > c.limit && i < len(c.idle); {
		if c.idle[i] == keep {
			i++
			continue
		}
		if err := c.drop(c.idle[i]); err != nil {
			return nil, err
		}
		c.idle = slices.Delete(c.idle, i, i+1)
	}
	d, err := c.m.NewDecoder(capacity, c.chunk)
	if err != nil {
		return nil, err
	}
	c.bytes += need
	return &slot{decoder: d, bytes: need}, nil
}

func (c *cache) drop(s *slot) error {
	c.bytes -= s.bytes
	return s.decoder.Close()
}

// fits reports whether there is, or could be made, room for a slot of capacity tokens.
func (c *cache) fits(capacity int) bool {
	used := c.bytes
	for _, s := range c.idle {
		used -= s.bytes
	}
	return used+Bytes(c.m, capacity) <= c.limit
}

// give takes a slot back and keeps it if it is of use; older ones make room for it.
func (c *cache) give(s *slot, keep bool) error {
	if !keep {
		return c.drop(s)
	}
	c.idle = append(c.idle, s)
	for c.bytes > c.limit {
		if err := c.drop(c.idle[0]); err != nil {
			return err
		}
		c.idle = slices.Delete(c.idle, 0, 1)
		if len(c.idle) == 0 {
			break
		}
	}
	return nil
}

func (c *cache) close() {
	for _, s := range c.idle {
		c.drop(s) //nolint:errcheck // the process or the model ends
	}
	c.idle = nil
}
