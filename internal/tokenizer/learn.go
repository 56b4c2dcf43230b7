package tokenizer

import (
	"container/heap"
	"maps"
	"slices"
	"unicode/utf8"
)

// learner learns merges. It holds the distinct words with their counts, and the pairs in them.
type learner struct {
	tokens []string            // by learner's id: first the symbols that words begin as
	known  map[string]struct{} // the tokens that merges made
	merges [][2]int32
	words  []trainWord
	pairs  map[[2]int32]*trainPair
	queue  pairQueue
	// pieces tells what SentencePiece does otherwise: of equally frequent pairs the shorter one is first,
	// then the one that is first in the alphabet.
	pieces bool
	// valid reports whether a merge may make a token; nil: any.
	valid func(token string) bool
}

type trainWord struct {
	ids   []int32
	count int64
}

type trainPair struct {
	token   string
	invalid bool // never merged, and not counted
	count   int64
	words   map[int32]struct{} // that may hold it
}

// learn takes the words' counts and learns merges until there are size tokens or no pair occurs least
// times. symbols appends the ids in tokens that a word begins as.
func (t *learner) learn(counts map[string]int64, symbols func(ids []int32, word string) []int32,
	size int, least int64) {
	t.known, t.pairs = map[string]struct{}{}, map[[2]int32]*trainPair{}
	for _, w := range slices.Sorted(maps.Keys(counts)) {
		ids := symbols(make([]int32, 0, len(w)), w)
		t.words = append(t.words, trainWord{ids, counts[w]})
		for k := 0; k+1 < len(ids); k++ {
			t.count([2]int32{ids[k], ids[k+1]}, counts[w], int32(len(t.words)-1))
		}
	}
	for pair, p := range t.pairs {
		t.push(pair, p)
	}
	t.run(size, least)
}

// count adds n occurrences of a pair in a word.
func (t *learner) count(pair [2]int32, n int64, word int32) {
	p := t.pairs[pair]
	if p == nil {
		token := t.tokens[pair[0]] + t.tokens[pair[1]]
		p = &trainPair{token: token, invalid: t.valid != nil && !t.valid(token)}
		if !p.invalid {
			p.words = map[int32]struct{}{}
		}
		t.pairs[pair] = p
	}
	if p.invalid {
		return
	}
	p.count += n
	if n > 0 {
		p.words[word] = struct{}{}
	}
}

// push queues a pair with its present count.
func (t *learner) push(pair [2]int32, p *trainPair) {
	if p.invalid {
		return
	}
	q := queuedPair{pair: pair, count: p.count}
	if t.pieces {
		q.length, q.token = utf8.RuneCountInString(p.token), p.token
	}
	heap.Push(&t.queue, q)
}

// run merges the most frequent pair until there are size tokens or none occurs often enough. Of several
// pairs that make the same token only the first is merged: every token is made in one way.
func (t *learner) run(size int, least int64) {
	for len(t.tokens) < size && len(t.queue) > 0 {
		q := heap.Pop(&t.queue).(queuedPair)
		p := t.pairs[q.pair]
		if p == nil || p.count < least {
			continue // merged already, or too rare by now
		}
		if p.count != q.count {
			t.push(q.pair, p)
			continue
		}
		if _, made := t.known[p.token]; made {
			continue
		}
		t.known[p.token] = struct{}{}
		t.tokens, t.merges = append(t.tokens, p.token), append(t.merges, q.pair)
		t.apply(q.pair, p)
	}
}

// apply replaces a pair by the last token in every word that holds it, and queues the pairs that the
// token is now part of.
func (t *learner) apply(pair [2]int32, p *trainPair) {
	delete(t.pairs, pair)
	id := int32(len(t.tokens) - 1)
	gained := map[[2]int32]struct{}{}
	for w := range p.words {
		t.mergeWord(w, pair, id, gained)
	}
	for g := range gained {
		t.push(g, t.pairs[g])
	}
}

// mergeWord takes the word's pairs out of the counts, merges, and puts the new ones in.
func (t *learner) mergeWord(w int32, pair [2]int32, id int32, gained map[[2]int32]struct{}) {
	word := &t.words[w]
	if !word.holds(pair) {
		return
	}
	recount := func(sign int64) {
		for i := 0; i+1 < len(word.ids); i++ {
			q := [2]int32{word.ids[i], word.ids[i+1]}
			if q == pair {
				continue
			}
			t.count(q, sign*word.count, w)
			if sign > 0 && (q[0] == id || q[1] == id) {
				gained[q] = struct{}{}
			}
		}
	}
	recount(-1)
	out := word.ids[:0]
	for i := 0; i < len(word.ids); i++ {
		if i+1 < len(word.ids) && word.ids[i] == pair[0] && word.ids[i+1] == pair[1] {
			out = append(out, id)
			i++
			continue
		}
		out = append(out, word.ids[i])
	}
	word.ids = out
	recount(1)
}

func (w *trainWord) holds(pair [2]int32) bool {
	for i := 0; i+1 < len(w.ids); i++ {
		if w.ids[i] == pair[0] && w.ids[i+1] == pair[1] {
			return true
		}
	}
	return false
}

// queuedPair is a pair with its count when it was queued. Counts only fall once a pair's tokens are
// both made: that one has fallen shows when it comes up. Length, in characters, and token are set where
// they decide.
type queuedPair struct {
	pair   [2]int32
	count  int64
	length int
	token  string
}

// pairQueue is a heap: the most frequent pair first, then the shorter one, the one that is first in the
// alphabet and the one with the lower ids.
type pairQueue []queuedPair

func (q pairQueue) Len() int { return len(q) }
func (q pairQueue) Less(i, j int) bool {
	a, b := &q[i], &q[j]
	switch {
	case a.count != b.count:
		return a.count > b.count
	case a.length != b.length:
		return a.length < b.length
	case a.token != b.token:
		return a.token < b.token
	}
	return slices.Compare(a.pair[:], b.pair[:]) < 0
}
func (q pairQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *pairQueue) Push(x any)   { *q = append(*q, x.(queuedPair)) }
func (q *pairQueue) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	*q = (*q)[:last]
	return x
}
