package tokenizer

import "unicode/utf8"

// merger merges the symbols of a word: the pair that is first in the merges' order, of equal ones the
// leftmost. It holds working memory.
type merger struct {
	ids, widths []int32
	orders      [1 << placeBits]uint32 // of the pair that begins at each place
	prev, next  [1 << placeBits]uint8  // places
	symbols     []symbol
	heap        []candidate
	buckets     buckets
}

// maxScanned is the number of symbols up to which looking through all pairs beats a heap.
const maxScanned = 1<<placeBits - 1

// merge appends the ids of a word.
func (g *merger) merge(dst []int32, m *bpe, word string) []int32 {
	g.findSymbols(m, word)
	switch n := len(g.ids); {
	case n == 0:
		return dst
	case n > maxScanned:
		return g.mergeLong(dst, m)
	}
	return g.scan(dst, m, word)
}

// findSymbols finds the ids that merging starts from.
func (g *merger) findSymbols(m *bpe, word string) {
	var ok bool
	switch ascii := isASCII(word); {
	case ascii && m.firsts != nil:
		if g.ids, ok = m.asciiSymbols(g.ids[:0], word); ok {
			return
		}
	case !ascii && m.joints != nil:
		if g.ids, ok = m.wholeSymbols(g.ids[:0], word); ok {
			return
		}
	}
	g.ids, g.widths = m.symbols(g.ids[:0], g.widths[:0], word, false)
}

// unmergeable is above every order of a merge that is shifted to make room for a place.
const unmergeable = noRank &^ (1<<placeBits - 1)

// placeBits is the number of bits of a place in a short word.
const placeBits = 6

// scan merges a short word and appends its ids. The best pair is found by looking at all: their order
// and place, in one number, decide.
func (g *merger) scan(dst []int32, m *bpe, word string) []int32 {
	ids := g.ids
	n := len(ids)
	g.firstOrders(m, word)
	for i := range ids {
		g.prev[i], g.next[i] = uint8(i-1), uint8(i+1)
	}
	for {
		best := uint32(unmergeable)
		for i, order := range g.orders[:n] {
			best = min(best, order|uint32(i))
		}
		if best == unmergeable {
			break
		}
		at := best & (1<<placeBits - 1)
		right := g.next[at]
		id := m.result(best>>placeBits, ids[at], ids[right])
		ids[at], g.orders[right] = id, unmergeable
		g.orders[at] = unmergeable
		if right = g.next[right]; int(right) < n {
			g.prev[right] = uint8(at)
			g.orders[at] = m.shifted(id, ids[right])
		}
		g.next[at] = right
		if at > 0 {
			left := g.prev[at]
			g.orders[left] = m.shifted(ids[left], id)
		}
	}
	for i := 0; i < n; i = int(g.next[i]) {
		dst = append(dst, ids[i])
	}
	return dst
}

// firstOrders finds the orders of the pairs that a word begins with.
func (g *merger) firstOrders(m *bpe, word string) {
	ids := g.ids
	g.orders[len(ids)-1] = unmergeable
	if m.firsts != nil && len(word) == len(ids) && isASCII(word) {
		for i := range len(word) - 1 {
			g.orders[i] = m.firsts[int(word[i])<<7|int(word[i+1])]
		}
		return
	}
	for i := range len(ids) - 1 {
		g.orders[i] = m.shifted(ids[i], ids[i+1])
	}
}

// shifted returns the order of the merge of two ids, shifted to make room for a place.
func (m *bpe) shifted(left, right int32) uint32 {
	return m.order(m.pairs.get(left, right)) << placeBits
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
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
	order       uint32
	pos         int32
	left, right int32 // ids
}

// before is the order of merging: by their order, of equal ones from left to right.
func (c candidate) before(d candidate) bool {
	return c.order < d.order || c.order == d.order && c.pos < d.pos
}

// mergeLong merges a long word and appends its ids.
func (g *merger) mergeLong(dst []int32, m *bpe) []int32 {
	if len(g.ids) >= minBucketed {
		g.mergeBuckets(m)
	} else {
		g.mergeHeap(m, nil)
	}
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
	g.mergeHeap(m, g.widths)
	for i := int32(0); i >= 0; i = g.symbols[i].next {
		f(g.symbols[i].id, g.symbols[i].width)
	}
}

// mergeHeap merges the symbols of g.ids in n log n time.
func (g *merger) mergeHeap(m *bpe, widths []int32) {
	g.link(widths)
	for i := range len(g.ids) - 1 {
		g.push(m, int32(i))
	}
	g.drain(m)
}

// link makes a list of the symbols of g.ids.
func (g *merger) link(widths []int32) {
	g.symbols, g.heap = g.symbols[:0], g.heap[:0]
	for i, id := range g.ids {
		s := symbol{id: id, prev: int32(i - 1), next: int32(i + 1)}
		if widths != nil {
			s.width = widths[i]
		}
		g.symbols = append(g.symbols, s)
	}
	g.symbols[len(g.ids)-1].next = -1
}

// drain merges until no candidate is left.
func (g *merger) drain(m *bpe) {
	for len(g.heap) > 0 {
		if c := g.pop(); g.join(m, c) {
			g.push(m, g.symbols[c.pos].prev)
			g.push(m, c.pos)
		}
	}
}

// join merges a candidate, if both its sides are still there.
func (g *merger) join(m *bpe, c candidate) bool {
	a := &g.symbols[c.pos]
	if a.id != c.left || a.next < 0 || g.symbols[a.next].id != c.right {
		return false
	}
	b := &g.symbols[a.next]
	a.id, a.next, a.width = m.result(c.order, c.left, c.right), b.next, a.width+b.width
	b.id = gone
	if a.next >= 0 {
		g.symbols[a.next].prev = c.pos
	}
	return true
}

// find returns the merge of the symbol at pos with its right neighbour, if there is one.
func (g *merger) find(m *bpe, pos int32) (c candidate, ok bool) {
	if pos < 0 || g.symbols[pos].next < 0 {
		return c, false
	}
	left, right := g.symbols[pos].id, g.symbols[g.symbols[pos].next].id
	rank := m.pairs.get(left, right)
	return candidate{m.order(rank), pos, left, right}, rank != noRank
}

// push adds the merge of the symbol at pos to the heap, if there is one.
func (g *merger) push(m *bpe, pos int32) {
	c, ok := g.find(m, pos)
	if !ok {
		return
	}
	g.heap = append(g.heap, c)
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
