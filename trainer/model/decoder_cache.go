package model

import (
	"fmt"

	"longlora/kernels"
)

// Capacity returns the number of tokens that there is room for.
func (d *Decoder) Capacity() int { return d.capacity }

// Adopt takes over the first n tokens that another decoder of the same model has read, as if d had
// read them; what d had read is forgotten.
func (d *Decoder) Adopt(from *Decoder, n int) error {
	if d.m != from.m || n < 0 || n > from.n || n > d.capacity {
		return fmt.Errorf("decoder: adopt %d of %d tokens, capacity %d", n, from.n, d.capacity)
	}
	d.n = n
	if n == 0 || d == from {
		return nil
	}
	for l := range d.k {
		d.m.b.Copy(d.k[l].Slice(0, 0, n), from.k[l].Slice(0, 0, n))
		d.m.b.Copy(d.v[l].Slice(0, 0, n), from.v[l].Slice(0, 0, n))
	}
	return d.m.b.Sync()
}

// Forget drops the tokens [from, to) and moves those behind them up, as StreamingLLM does
// (arXiv 2309.17453, section 3.2): their keys are turned to their new positions, so that positions
// are those within the cache. What the later tokens' keys and values took from the dropped ones
// stays in them.
func (d *Decoder) Forget(from, to int) error {
	if from < 0 || to < from || to > d.n {
		return fmt.Errorf("decoder: forget [%d, %d) of %d tokens", from, to, d.n)
	}
	if from == to {
		return nil
	}
	step := min(to-from, d.chunk)
	scale := d.rotaryScale()
	for at := to; at < d.n; at += step {
		rows := min(step, d.n-at)
		if err := d.moveUp(at, rows, to-from, scale); err != nil {
			return err
		}
	}
	d.n -= to - from
	return d.m.b.Sync()
}

// moveUp moves rows keys and values, no more than by, from position at to at-by.
func (d *Decoder) moveUp(at, rows, by int, scale float32) error {
	b, arena := d.m.b, d.work.arena
	defer arena.Release(arena.Mark())
	pos := arena.Alloc(kernels.I32, rows)
	back := make([]int32, rows)
	for i := range back {
		back[i] = int32(by)
	}
	b.WriteInts(pos, back)
	for l := range d.k {
		k := d.k[l].Slice(0, at-by, at-by+rows)
		b.Copy(k, d.k[l].Slice(0, at, at+rows))
		b.Copy(d.v[l].Slice(0, at-by, at-by+rows), d.v[l].Slice(0, at, at+rows))
		b.RoPE(d.m.perHead(k), d.m.cos, d.m.sin, pos, true)
		if scale != 1 { // the tables have it in them, and the keys had it already
			b.Scale(k, 1/scale)
		}
	}
	return b.Sync()
}

// rotaryScale returns the attention factor of the rotary tables: the cosine of no angle.
func (d *Decoder) rotaryScale() float32 {
	row := make([]float32, d.m.config.HeadDim/2)
	d.m.b.Read(row, d.m.cos.Slice(0, 0, 1))
	return row[0]
}
