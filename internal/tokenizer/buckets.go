package tokenizer

import (
	"cmp"
	"slices"
)

// buckets holds the candidates of a long word by their order, each bucket from left to right. Where a heap
// takes n log n time, and memory in disorder, a word is merged bucket by bucket in time linear in
// its length. That is right as long as what a merge makes possible comes later in the order, as in every
// vocabulary that was trained: a token takes part in merges only once it is made.
type buckets struct {
	places []int32 // by order: one more than the place of its bucket; 0: none
	lists  [][]candidate
	used   int      // lists
	orders []uint32 // of the buckets that are not empty, a heap
}

const (
	// minBucketed is the number of symbols from which on buckets are used.
	minBucketed = 512
	// maxKept is the number of symbols up to which a word's buckets are kept for the next one.
	maxKept = 1 << 16
)

// add puts a candidate into its bucket.
func (b *buckets) add(c candidate) {
	place := b.places[c.order]
	if place == 0 {
		if b.used == len(b.lists) {
			b.lists = append(b.lists, nil)
		}
		b.used++
		place = int32(b.used)
		b.places[c.order] = place
		b.pushOrder(c.order)
	}
	b.lists[place-1] = append(b.lists[place-1], c)
}

// take removes the least order and returns its candidates from left to right, valid until clear.
func (b *buckets) take() (order uint32, list []candidate) {
	order = b.popOrder()
	list = b.lists[b.places[order]-1]
	b.places[order] = 0
	byPlace := func(c, d candidate) int { return cmp.Compare(c.pos, d.pos) }
	if !slices.IsSortedFunc(list, byPlace) {
		slices.SortFunc(list, byPlace)
	}
	return order, list
}

// clear empties the buckets.
func (b *buckets) clear() {
	for _, order := range b.orders {
		b.places[order] = 0
	}
	for i := range b.used {
		b.lists[i] = b.lists[i][:0]
	}
	b.orders, b.used = b.orders[:0], 0
}

func (b *buckets) pushOrder(order uint32) {
	b.orders = append(b.orders, order)
	h := b.orders
	for i := len(h) - 1; i > 0 && h[i] < h[(i-1)/2]; i = (i - 1) / 2 {
		h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
	}
}

func (b *buckets) popOrder() uint32 {
	h := b.orders
	top, last := h[0], len(h)-1
	h[0] = h[last]
	b.orders = h[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return top
		}
		if child+1 < last && h[child+1] < h[child] {
			child++
		}
		if h[child] >= h[i] {
			return top
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}

// mergeBuckets merges the symbols of g.ids. If a merge makes one possible that should have come before,
// the heap does the rest.
func (g *merger) mergeBuckets(m *bpe) {
	g.link(nil)
	b := &g.buckets
	if len(b.places) < len(m.merged) {
		b.places = make([]int32, len(m.merged))
	}
	for i := range g.symbols {
		if c, ok := g.find(m, int32(i)); ok {
			b.add(c)
		}
	}
	inOrder := true
	for inOrder && len(b.orders) > 0 {
		inOrder = g.mergeBucket(m)
	}
	b.clear()
	if len(g.ids) > maxKept {
		b.lists = nil
	}
	if inOrder {
		return
	}
	for i := int32(0); i >= 0; i = g.symbols[i].next {
		g.push(m, i)
	}
	g.drain(m)
}

// mergeBucket merges the candidates of the least order. It ends, and reports false, where one comes up
// that is not of a greater order.
func (g *merger) mergeBucket(m *bpe) bool {
	order, list := g.buckets.take()
	for _, c := range list {
		if !g.join(m, c) {
			continue
		}
		for _, pos := range [2]int32{g.symbols[c.pos].prev, c.pos} {
			next, ok := g.find(m, pos)
			switch {
			case !ok:
			case next.order > order:
				g.buckets.add(next)
			default:
				return false
			}
		}
	}
	return true
}
