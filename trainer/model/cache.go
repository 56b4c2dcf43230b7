package model

import (
	"fmt"

	"longlora/kernels"
)

// Cache is memory for keys and values of tokens, a row a token in every layer. A sequence lies in a
// run of rows. The model's backend must be in nobody else's use while a method runs.
type Cache struct {
	m     *Model
	rows  int
	arena kernels.Arena
	k, v  []kernels.Tensor // [rows, Hkv·Dh], one a layer
}

// NewCache reserves rows rows, which may be more than the model's context: for several sequences.
func (m *Model) NewCache(rows int) (*Cache, error) {
	if rows <= 0 {
		return nil, fmt.Errorf("cache: %d rows, want more than 0", rows)
	}
	c := &Cache{m: m, rows: rows}
	width := m.config.KVHeads * m.config.HeadDim
	size := 2 * int64(m.config.Layers) * alignedBytes(rows*width, m.options.activations())
	var err error
	if c.arena, err = m.b.NewArena(size); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	for range m.config.Layers {
		c.k = append(c.k, c.arena.Alloc(m.options.activations(), rows, width))
		c.v = append(c.v, c.arena.Alloc(m.options.activations(), rows, width))
	}
	return c, nil
}

// CacheRowBytes returns the memory of one token's keys and values.
func (m *Model) CacheRowBytes() int64 {
	c := m.config
	return 2 * m.options.activations().Size() * int64(c.Layers*c.KVHeads*c.HeadDim)
}

// Rows returns the number of rows.
func (c *Cache) Rows() int { return c.rows }

// Move copies n rows that begin at from to where they begin at to. The two runs may overlap; keys
// keep the positions that they were turned to.
func (c *Cache) Move(to, from, n int) error {
	if n < 0 || min(to, from) < 0 || max(to, from)+n > c.rows {
		return fmt.Errorf("cache: move %d rows from %d to %d of %d", n, from, to, c.rows)
	}
	if n == 0 || to == from {
		return nil
	}
	step := min(n, max(to-from, from-to)) // rows that do not overlap their own new place
	for done := 0; done < n; done += step {
		rows := min(step, n-done)
		first := done
		if to > from {
			first = n - done - rows
		}
		c.copyRows(to+first, from+first, rows)
	}
	return c.m.b.Sync()
}

func (c *Cache) copyRows(to, from, n int) {
	for l := range c.k {
		c.m.b.Copy(c.k[l].Slice(0, to, to+n), c.k[l].Slice(0, from, from+n))
		c.m.b.Copy(c.v[l].Slice(0, to, to+n), c.v[l].Slice(0, from, from+n))
	}
}

// Close releases the memory.
func (c *Cache) Close() error {
	if c == nil || c.arena == nil {
		return nil
	}
	a := c.arena
	c.arena = nil
	return a.Close()
}
