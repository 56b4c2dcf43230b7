package tokenizer

// merger merges the symbols of a word: the pair of the least priority first, of equal ones the
// leftmost. It holds working memory.
type merger struct {
	ids        []int32
	widths     []int32
	priorities []uint64
	symbols    []symbol
	heap       []candidate
}

// maxScanned is the number of symbols up to which looking through all pairs beats a heap.
const maxScanned = 48

// merge appends the ids of a word.
func (g *merger) merge(dst []int32, m *bpe, word string) []int32 {
	g.ids, _ = m.symbols(g.ids[:0], nil, word, false)
	switch n := len(g.ids); {
	case n == 0:
		return dst
	case n > maxScanned:
		return g.mergeHeap(dst, m)
	}
	return append(dst, g.scan(m)...)
}

// scan merges a short word in place.
func (g *merger) scan(m *bpe) []int32 {
	ids, all := g.ids, g.priorities[:0]
	for i := 0; i+1 < len(ids); i++ {
		all = append(all, m.priority(m.pairs.get(ids[i], ids[i+1])))
	}
	g.priorities = all
	for {
		best, at := uint64(noRank)<<32, -1
		for i, p := range all {
			if p>>32 < best>>32 {
				best, at = p, i
			}
		}
		if at < 0 {
			return ids
		}
		id := m.merged[uint32(best)]
		ids[at] = id
		copy(ids[at+1:], ids[at+2:])
		copy(all[at:], all[at+1:])
		ids, all = ids[:len(ids)-1], all[:len(all)-1]
		if at > 0 {
			all[at-1] = m.priority(m.pairs.get(ids[at-1], id))
		}
		if at < len(all) {
			all[at] = m.priority(m.pairs.get(id, ids[at+1]))
		}
	}
}

// symbol is an element of a linked list.
type symbol struct {
	id, width  int32
	prev, next int32 // indices; -1: none
}

// gone marks a symbol that was merged into its left neighbour.
const gone = -2

// candidate is a merge that was possible when it was pushed: it is stale if either side has changed.
type candidate struct {
	priority    uint64
	pos         int32
	left, right int32 // ids
}

// before is the order of merging: by priority, of equal ones from left to right.
func (c candidate) before(d candidate) bool {
	a, b := c.priority>>32, d.priority>>32
	return a < b || a == b && c.pos < d.pos
}

// mergeHeap merges a long word in n log n time and appends its ids.
func (g *merger) mergeHeap(dst []int32, m *bpe) []int32 {
	g.start(m, nil)
	g.drain(m)
	for i := int32(0); i >= 0; i = g.symbols[i].next {
		dst = append(dst, g.symbols[i].id)
	}
	return dst
}

// mergeTracked calls f with each id of a word and the number of its bytes that it stands for.
func (g *merger) mergeTracked(m *bpe, word string, f func(id, width int32)) {
	g.ids, g.widths = m.symbols(g.ids[:0], g.widths[:0], word, true)
	if len(g.ids) == 0 {
		return
	}
	g.start(m, g.widths)
	g.drain(m)
	for i := int32(0); i >= 0; i = g.symbols[i].next {
		f(g.symbols[i].id, g.symbols[i].width)
	}
}

// start links the symbols of ids and finds the first candidates.
func (g *merger) start(m *bpe, widths []int32) {
	g.symbols, g.heap = g.symbols[:0], g.heap[:0]
	for i, id := range g.ids {
		s := symbol{id: id, prev: int32(i - 1), next: int32(i + 1)}
		if widths != nil {
			s.width = widths[i]
		}
		g.symbols = append(g.symbols, s)
	}
	g.symbols[len(g.ids)-1].next = -1
	for i := range len(g.ids) - 1 {
		g.push(m, int32(i))
	}
}

// drain merges until no candidate is left.
func (g *merger) drain(m *bpe) {
	for len(g.heap) > 0 {
		c := g.pop()
		a := &g.symbols[c.pos]
		if a.id != c.left || a.next < 0 || g.symbols[a.next].id != c.right {
			continue
		}
		b := &g.symbols[a.next]
		a.id, a.next, a.width = m.merged[uint32(c.priority)], b.next, a.width+b.width
		b.id = gone
		if a.next >= 0 {
			g.symbols[a.next].prev = c.pos
		}
		g.push(m, a.prev)
		g.push(m, c.pos)
	}
}

// push adds the merge of the symbol at pos with its right neighbour, if there is one.
func (g *merger) push(m *bpe, pos int32) {
	if pos < 0 || g.symbols[pos].next < 0 {
		return
	}
	left, right := g.symbols[pos].id, g.symbols[g.symbols[pos].next].id
	rank := m.pairs.get(left, right)
	if rank == noRank {
		return
	}
	g.heap = append(g.heap, candidate{m.priority(rank), pos, left, right})
	h := g.heap
	for i := len(h) - 1; i > 0 && h[i].before(h[(i-1)/2]); i = (i - 1) / 2 {
		h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
	}
}

func (g *merger) pop() candidate {
	h := g.heap
	top, last := h[0], len(h)-1
	h[0] = h[last]
	g.heap = h[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return top
		}
		if child+1 < last && h[child+1].before(h[child]) {
			child++
		}
		if !h[child].before(h[i]) {
			return top
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
