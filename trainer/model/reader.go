package model

import (
	"errors"
	"fmt"

	"longlora/kernels"
)

// Part is what one Reader.Read reads of a sequence.
type Part struct {
	// IDs are the next tokens, at least one.
	IDs []int32
	// At is the sequence's first row in the cache, and Known the number of its tokens whose keys and
	// values are there.
	At, Known int
	// Quiet says that no logits are wanted after the last token.
	Quiet bool
}

// Reader reads tokens of several sequences at a time, each after what of it the cache knows, and
// adds their keys and values to the cache. Attention is full, within a sequence. On the CPU what is
// computed for a token has the same bits whatever else is read at that time, and however a sequence
// is cut into parts.
type Reader struct {
	m      *Model
	cache  *Cache
	tokens int // at most so many at a time
	parts  int
	work   workspace

	// What a call needs, kept for the next.
	ids, positions, last []int32
	seen                 []seen
	wanted               []int
}

// seen is a part as the layers need it.
type seen struct {
	from, to  int // its tokens among all
	at, known int
	segments  kernels.Segments
}

// NewReader reserves the memory to read up to tokens tokens of up to parts sequences at a time.
func (c *Cache) NewReader(tokens, parts int) (*Reader, error) {
	if parts < 1 || tokens < parts {
		return nil, fmt.Errorf("reader: %d tokens of %d sequences at a time", tokens, parts)
	}
	r := &Reader{m: c.m, cache: c, tokens: tokens, parts: parts}
	need, err := c.m.count(func(twin *Model) error {
		cache, err := twin.NewCache(tokens)
		if err != nil {
			return err
		}
		t := &Reader{m: twin, cache: cache, work: twin.work}
		return errors.Join(t.read(blankParts(tokens, 1), discard), // the most of attention
			t.read(blankParts(tokens, parts), discard), cache.Close()) // the most of logits
	})
	if err == nil {
		r.work.arena, err = c.m.b.NewArena(need)
	}
	if err != nil {
		return nil, fmt.Errorf("reader: %w", err)
	}
	return r, nil
}

// blankParts returns parts that need as much memory as any can: the first has most of the tokens.
func blankParts(tokens, n int) []Part {
	parts := []Part{{IDs: make([]int32, tokens-n+1)}}
	for i := 1; i < n; i++ {
		parts = append(parts, Part{IDs: make([]int32, 1), At: tokens - n + i})
	}
	return parts
}

// Read reads parts, no two of one sequence. each is given the logits [Vocab] after a part's last
// token, in order of the parts but for quiet ones; they are valid during the call.
func (r *Reader) Read(parts []Part, each func(part int, logits []float32) error) error {
	total := 0
	for i, p := range parts {
		if err := r.check(p); err != nil {
			return fmt.Errorf("reader: part %d: %w", i, err)
		}
		total += len(p.IDs)
	}
	if len(parts) == 0 || len(parts) > r.parts || total > r.tokens {
		return fmt.Errorf("reader: %d tokens of %d sequences, room for %d of %d", total, len(parts),
			r.tokens, r.parts)
	}
	return r.read(parts, each)
}

func (r *Reader) check(p Part) error {
	end := p.Known + len(p.IDs)
	if len(p.IDs) == 0 || p.Known < 0 || p.At < 0 || p.At+end > r.cache.rows {
		return fmt.Errorf("%d tokens after %d from row %d on, the cache has %d", len(p.IDs), p.Known,
			p.At, r.cache.rows)
	}
	if end > r.m.options.Context {
		return fmt.Errorf("%d tokens after %d, the context is %d", len(p.IDs), p.Known,
			r.m.options.Context)
	}
	for i, id := range p.IDs {
		if id < 0 || int(id) >= r.m.config.Vocab {
			return fmt.Errorf("token %d at %d outside vocabulary %d", id, p.Known+i, r.m.config.Vocab)
		}
	}
	return nil
}

// read is Read with everything checked.
func (r *Reader) read(parts []Part, each func(int, []float32) error) error {
	m := r.m
	saved := m.work
	m.work = r.work
	defer func() { r.work, m.work = m.work, saved }()
	arena := m.work.arena
	defer arena.Release(arena.Mark())
	r.lay(parts)
	p := m.begin(&Batch{IDs: r.ids, Positions: r.positions}, 0)
	p.reader = r
	x := m.hidden(&p)
	if len(r.last) == 0 {
		return m.b.Sync()
	}
	rows, last := m.ints(len(r.last)), m.act(len(r.last), m.config.Hidden)
	m.b.WriteInts(rows, r.last)
	m.b.Embedding(last, x, rows) // a gather of rows
	return m.headLogits(last, func(i int, logits []float32) error {
		return each(r.wanted[i], logits)
	})
}

// lay puts the parts' tokens end to end.
func (r *Reader) lay(parts []Part) {
	r.ids, r.positions, r.last = r.ids[:0], r.positions[:0], r.last[:0]
	r.seen, r.wanted = r.seen[:0], r.wanted[:0]
	for i, p := range parts {
		s := seen{from: len(r.ids), at: p.At, known: p.Known}
		r.ids = append(r.ids, p.IDs...)
		for t := range p.IDs {
			r.positions = append(r.positions, int32(p.Known+t))
		}
		s.to = len(r.ids)
		s.segments = Full(p.Known+len(p.IDs), r.m.config.Heads, p.Known)
		r.seen = append(r.seen, s)
		if !p.Quiet {
			r.last, r.wanted = append(r.last, int32(s.to-1)), append(r.wanted, i)
		}
	}
}

// attend adds a layer's keys and values to the cache and lets each sequence's queries see its own.
func (r *Reader) attend(layer int, a *activations) {
	m := r.m
	allK, allV := r.cache.k[layer], r.cache.v[layer]
	for i := range r.seen {
		s := &r.seen[i]
		mark := m.work.arena.Mark()
		fresh, end := s.at+s.known, s.at+s.known+s.to-s.from
		m.b.Copy(m.perHead(allK.Slice(0, fresh, end)), m.perHead(a.kv.k.Slice(0, s.from, s.to)))
		m.b.Copy(m.perHead(allV.Slice(0, fresh, end)), m.perHead(a.kv.v.Slice(0, s.from, s.to)))
		m.b.Attention(m.perHead(a.o.Slice(0, s.from, s.to)), m.f32(m.config.Heads, s.to-s.from),
			m.perHead(a.q.Slice(0, s.from, s.to)), m.perHead(allK.Slice(0, s.at, end)),
			m.perHead(allV.Slice(0, s.at, end)), m.bounded(s.segments, layer), m.config.AttentionScale())
		m.work.arena.Release(mark)
	}
}

// Forget drops the tokens [from, to) of the n that the cache knows of the sequence at row at, and
// moves those behind them up, as StreamingLLM does (arXiv 2309.17453, section 3.2): their keys are
// turned to their new positions, so that positions are those within the cache. What the later
// tokens' keys and values took from the dropped ones stays in them.
func (r *Reader) Forget(at, n, from, to int) error {
	if at < 0 || at+n > r.cache.rows || from < 0 || to < from || to > n {
		return fmt.Errorf("reader: forget [%d, %d) of %d tokens", from, to, n)
	}
	if from == to {
		return nil
	}
	step := min(to-from, r.tokens)
	for row := to; row < n; row += step {
		if err := r.moveUp(at+row, min(step, n-row), to-from); err != nil {
			return err
		}
	}
	return r.m.b.Sync()
}

// moveUp moves rows keys and values, no more than by, from row from to from-by.
func (r *Reader) moveUp(from, rows, by int) error {
	b, arena := r.m.b, r.work.arena
	defer arena.Release(arena.Mark())
	pos := arena.Alloc(kernels.I32, rows)
	back := make([]int32, rows)
	for i := range back {
		back[i] = int32(by)
	}
	b.WriteInts(pos, back)
	r.cache.copyRows(from-by, from, rows)
	for l := range r.cache.k {
		k := r.cache.k[l].Slice(0, from-by, from-by+rows)
		y := &r.m.layers[l]
		r.m.turn(k, pos, y, true)
		if scale := r.rotaryScale(y); scale != 1 { // the tables have it, and the keys had it already
			b.Scale(r.m.turned(k), 1/scale)
		}
	}
	return b.Sync()
}

// rotaryScale returns the attention factor of a layer's rotary tables: the cosine of no angle.
func (r *Reader) rotaryScale(y *layer) float32 {
	row := make([]float32, r.m.config.RotaryDim()/2)
	r.m.b.Read(row, y.cos.Slice(0, 0, 1))
	return row[0]
}

// Close releases the working memory; the cache stays.
func (r *Reader) Close() error {
	if r == nil {
		return nil
	}
	return r.work.close()
}
