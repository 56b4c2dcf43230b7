package tokenizer

// merger merges long words in n log n time: a linked list of symbols and a heap of candidate
// merges, ordered by (rank, position).
type merger struct {
	symbols []symbol
	heap    []candidate
}

type symbol struct {
	id         int32
	prev, next int32 // indices; -1: none
}

// candidate is a merge that was possible when it was pushed: it is stale if either side has changed.
type candidate struct {
	rank        uint32
	pos         int32
	id          int32
	left, right int32 // ids
}

// gone marks a symbol that was merged into its left neighbour.
const gone = -2

func (m *merger) merge(dst, ids []int32, pairs *pairTable) []int32 {
	m.start(ids, pairs)
	for len(m.heap) > 0 {
		c := m.pop()
		a := &m.symbols[c.pos]
		if a.id != c.left || a.next < 0 || m.symbols[a.next].id != c.right {
			continue
		}
		b := &m.symbols[a.next]
		a.id, a.next = c.id, b.next
		b.id = gone
		if a.next >= 0 {
			m.symbols[a.next].prev = c.pos
		}
		m.push(a.prev, pairs)
		m.push(c.pos, pairs)
	}
	for i := int32(0); i >= 0; i = m.symbols[i].next {
		dst = append(dst, m.symbols[i].id)
	}
	return dst
}

func (m *merger) start(ids []int32, pairs *pairTable) {
	m.symbols, m.heap = m.symbols[:0], m.heap[:0]
	for i, id := range ids {
		m.symbols = append(m.symbols, symbol{id, int32(i - 1), int32(i + 1)})
	}
	m.symbols[len(ids)-1].next = -1
	for i := range len(ids) - 1 {
		m.push(int32(i), pairs)
	}
}

// push adds the merge of the symbol at pos with its right neighbour, if there is one.
func (m *merger) push(pos int32, pairs *pairTable) {
	if pos < 0 || m.symbols[pos].next < 0 {
		return
	}
	left, right := m.symbols[pos].id, m.symbols[m.symbols[pos].next].id
	rank, id := pairs.get(left, right)
	if rank == noRank {
		return
	}
	m.heap = append(m.heap, candidate{rank, pos, id, left, right})
	i := len(m.heap) - 1
	for i > 0 && m.heap[i].before(m.heap[(i-1)/2]) {
		m.heap[i], m.heap[(i-1)/2] = m.heap[(i-1)/2], m.heap[i]
		i = (i - 1) / 2
	}
}

func (c candidate) before(d candidate) bool {
	return c.rank < d.rank || c.rank == d.rank && c.pos < d.pos
}

func (m *merger) pop() candidate {
	top := m.heap[0]
	last := len(m.heap) - 1
	m.heap[0] = m.heap[last]
	m.heap = m.heap[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return top
		}
		if child+1 < last && m.heap[child+1].before(m.heap[child]) {
			child++
		}
		if !m.heap[child].before(m.heap[i]) {
			return top
		}
		m.heap[i], m.heap[child] = m.heap[child], m.heap[i]
		i = child
	}
}
