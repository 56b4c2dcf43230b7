package decode

import (
	"slices"

	"longlora/trainer/model"
)

// pageRows is the number of tokens by which a slot grows.
const pageRows = 64

// pages returns the number of pages that tokens need.
func pages(tokens int) int { return (tokens + pageRows - 1) / pageRows }

// slot is a run of pages with the tokens whose keys and values lie there.
type slot struct {
	at, size int // in pages
	ids      []int32
	n        int // tokens in the cache: fewer than ids if some were forgotten
}

func (s *slot) end() int { return s.at + s.size }

// row is the slot's first row in the cache.
func (s *slot) row() int { return s.at * pageRows }

// pool deals out the pages of one cache, in runs: attention wants a sequence's keys in a row. The
// slots of finished generations stay until their pages are wanted.
type pool struct {
	cache *model.Cache
	total int     // pages
	slots []*slot // all, in order of at
	idle  []*slot // those that no generation uses, the latest last
}

// used returns the number of pages in slots.
func (p *pool) used() (n int) {
	for _, s := range p.slots {
		n += s.size
	}
	return n
}

// available returns the number of pages that are free, or would be without idle slots.
func (p *pool) available() int {
	n := p.total - p.used()
	for _, s := range p.idle {
		n += s.size
	}
	return n
}

// take returns a slot with room for tokens tokens that knows as much of a prompt as any slot does,
// but for its last token. There must be that many pages available. A windowed generation starts
// from nothing: where its window stands depends on all that it reads.
//
// A slot of which the prompt has at least half is taken over if it is idle; else what they share is
// copied, so that a short common beginning does not cost a long document its place.
func (p *pool) take(prompt []int32, tokens int, windowed bool) (*slot, error) {
	best, n := (*slot)(nil), 0
	if !windowed {
		best, n = longest(prompt, p.slots)
	}
	idle := slices.Contains(p.idle, best)
	if idle && 2*n >= len(best.ids) {
		return best, p.takeOver(best, n, tokens)
	}
	fresh, err := p.create(pages(tokens), best)
	if fresh == nil && err == nil && idle { // no room beside it
		return best, p.takeOver(best, n, tokens)
	}
	if fresh == nil || err != nil || n == 0 {
		return fresh, err
	}
	fresh.ids, fresh.n = slices.Clone(prompt[:n]), n
	return fresh, p.cache.Move(fresh.row(), best.row(), n)
}

// takeOver puts an idle slot to use again for what begins with its first n tokens.
func (p *pool) takeOver(s *slot, n, tokens int) error {
	p.idle = slices.DeleteFunc(p.idle, func(x *slot) bool { return x == s })
	s.ids, s.n = s.ids[:n], n
	_, err := p.grow(s, tokens) // there is room, or take was not called
	return err
}

// longest returns the slot that shares the longest beginning with the prompt, and its length.
func longest(prompt []int32, slots []*slot) (best *slot, n int) {
	for _, s := range slots {
		k, most := 0, min(len(prompt)-1, len(s.ids))
		if s.n != len(s.ids) {
			continue
		}
		for k < most && s.ids[k] == prompt[k] {
			k++
		}
		if k > n {
			best, n = s, k
		}
	}
	return best, n
}

// create makes a slot, or returns nil if it has no room. Idle slots but keep make room.
func (p *pool) create(size int, keep *slot) (*slot, error) {
	if !p.evict(size, keep) {
		return nil, nil
	}
	at, room := p.gap()
	if room < size {
		if err := p.gather(nil); err != nil {
			return nil, err
		}
		at, _ = p.gap()
	}
	s := &slot{at: at, size: size}
	i, _ := slices.BinarySearchFunc(p.slots, at, func(s *slot, at int) int { return s.at - at })
	p.slots = slices.Insert(p.slots, i, s)
	return s, nil
}

// grow makes room for tokens tokens in a slot, and reports whether there is. Idle slots make room.
func (p *pool) grow(s *slot, tokens int) (bool, error) {
	more := pages(tokens) - s.size
	if more <= 0 {
		return true, nil
	}
	if !p.evict(more, nil) {
		return false, nil
	}
	if p.behind(s) < more {
		if err := p.gather(s); err != nil {
			return false, err
		}
	}
	s.size += more
	return true, nil
}

// evict frees pages until there are size, the oldest idle slots but keep first, and reports whether
// there are.
func (p *pool) evict(size int, keep *slot) bool {
	have := p.available()
	if keep != nil && slices.Contains(p.idle, keep) {
		have -= keep.size
	}
	if have < size {
		return false
	}
	for i := 0; p.total-p.used() < size; {
		if p.idle[i] == keep {
			i++
			continue
		}
		s := p.idle[i]
		p.idle = slices.Delete(p.idle, i, i+1)
		p.drop(s)
	}
	return true
}

// drop frees a slot's pages.
func (p *pool) drop(s *slot) {
	i := slices.Index(p.slots, s)
	p.slots = slices.Delete(p.slots, i, i+1)
}

// gap returns the largest run of free pages: what is put there has most room to grow.
func (p *pool) gap() (at, size int) {
	end := 0
	for _, s := range p.slots {
		if s.at-end > size {
			at, size = end, s.at-end
		}
		end = s.end()
	}
	if p.total-end > size {
		at, size = end, p.total-end
	}
	return at, size
}

// behind returns the number of free pages behind a slot.
func (p *pool) behind(s *slot) int {
	i := slices.Index(p.slots, s)
	if i+1 < len(p.slots) {
		return p.slots[i+1].at - s.end()
	}
	return p.total - s.end()
}

// gather moves slots so that all free pages lie behind after, or behind all if that is nil.
func (p *pool) gather(after *slot) error {
	at, last := 0, len(p.slots)-1
	for i, s := range p.slots {
		if err := p.move(s, at); err != nil {
			return err
		}
		at += s.size
		if s == after {
			last = i
			break
		}
	}
	for i, end := len(p.slots)-1, p.total; i > last; i-- {
		end -= p.slots[i].size
		if err := p.move(p.slots[i], end); err != nil {
			return err
		}
	}
	return nil
}

func (p *pool) move(s *slot, at int) error {
	if err := p.cache.Move(at*pageRows, s.row(), s.n); err != nil {
		return err
	}
	s.at = at
	return nil
}

// give takes a slot back and keeps it if it is of use.
func (p *pool) give(s *slot, keep bool) {
	if !keep || s.n == 0 {
		p.drop(s)
		return
	}
	s.size = pages(s.n)
	p.idle = append(p.idle, s)
}
