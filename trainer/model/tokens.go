package model

import (
	"errors"
	"fmt"

	"longlora/kernels"
)

// checkTokens refuses rows of the embedding or the head that cannot be trained alone.
func (c Config) checkTokens(l *LoRA, found map[string]Adapter) error {
	var all []error
	if len(l.EmbedTokens)+len(l.HeadTokens) > 0 && c.Family() == neox {
		all = append(all, errors.New("tokens of models of the family gpt_neox cannot be trained alone: "+
			"train the embedding in full"))
	}
	if len(l.HeadTokens) > 0 && c.Tied {
		all = append(all, errors.New("tokens of the head: it is tied, and has those of the embedding"))
	}
	for _, x := range []struct {
		module string
		tokens []int
	}{{c.names().embed, l.EmbedTokens}, {c.names().head, l.HeadTokens}} {
		seen := map[int]bool{}
		for _, id := range x.tokens {
			if id < 0 || id >= c.Vocab || seen[id] {
				all = append(all, fmt.Errorf("tokens of %s: %d is outside vocabulary %d, or there twice",
					x.module, id, c.Vocab))
			}
			seen[id] = true
		}
		if _, ok := found[x.module]; ok && len(x.tokens) > 0 {
			all = append(all, fmt.Errorf("tokens of %s: it has an adapter; train one of them", x.module))
		}
	}
	return errors.Join(all...)
}

// tokenRows are rows of the embedding or the head that are trained alone.
type tokenRows struct {
	of, p *Param // p [n, D]; nil: there are none
	ids   []int32
	index map[int32]int32 // of a token among them
}

func newTokenRows(of, p *Param, tokens []int) tokenRows {
	r := tokenRows{of: of, p: p, index: map[int32]int32{}}
	for i, id := range tokens {
		r.ids = append(r.ids, int32(id))
		r.index[int32(id)] = int32(i)
	}
	return r
}

// each calls f with every trained row and its place in the matrix.
func (r *tokenRows) each(f func(own, place kernels.Tensor)) {
	if r.p == nil {
		return
	}
	for i, id := range r.ids {
		f(r.p.Value.Slice(0, i, i+1), r.of.Value.Slice(0, int(id), int(id)+1))
	}
}

// deriveRows adds the embedding's gradient dx, of those tokens that are trained alone, to theirs.
func (m *Model) deriveRows(dx kernels.Tensor, ids []int32) {
	r := &m.embedRows
	if r.p == nil {
		return
	}
	arena := m.work.arena
	defer arena.Release(arena.Mark())
	at, which := m.ints(len(ids)), m.ints(len(ids)) // room for all: what is reserved fits any batch
	rows := m.act(len(ids), m.config.Hidden)
	var places, indices []int32
	for t, id := range ids {
		if i, ok := r.index[id]; ok {
			places, indices = append(places, int32(t)), append(indices, i)
		}
	}
	n := len(places)
	if n == 0 {
		return
	}
	at, which, rows = at.Slice(0, 0, n), which.Slice(0, 0, n), rows.Slice(0, 0, n)
	m.b.WriteInts(at, places)
	m.b.WriteInts(which, indices)
	m.b.Embedding(rows, dx, at) // a gather of rows
	m.b.EmbeddingGrad(r.p.Grad, rows, which)
}

// headRowsOf returns the rows of the head that are trained alone.
func (m *Model) headRowsOf() *tokenRows {
	if m.config.Tied {
		return &m.embedRows
	}
	return &m.headRows
}

// headGradientOf returns where the gradient of the head's matrix goes, and what is to be called when
// it is there. For rows that are trained alone it is a matrix of its own, from which they are taken.
func (m *Model) headGradientOf() (dw kernels.Tensor, done func()) {
	r := m.headRowsOf()
	if r.p == nil {
		return m.head.Grad, func() {}
	}
	n := len(r.ids)
	sums := m.f32(m.config.Vocab, m.config.Hidden) // not dw, which a function would put on the heap
	ids, rows := m.ints(n), m.f32(n, m.config.Hidden)
	m.b.Zero(sums)
	return sums, func() {
		m.b.WriteInts(ids, r.ids)
		m.b.Embedding(rows, sums, ids) // a gather of rows
		m.b.Add(r.p.Grad, rows)
	}
}
