package regex

import (
	"math"

	"longlora/internal/tokenizer/ucd"
)

// node is a part of an expression.
type node struct {
	kind     nodeKind
	set      ucd.Set // nodeSet: one character of it
	subs     []*node // nodeSequence, nodeChoice: in order; the others: one
	min, max int     // nodeRepeat; max infinite: no limit
	mode     repeatMode
	assert   assertKind
}

type nodeKind uint8

const (
	nodeSet nodeKind = iota
	nodeSequence
	nodeChoice // the first that leads to a match
	nodeRepeat
	nodeAtomic // a match of it is never taken back
	nodeAssert // matches the empty text where something holds
)

type repeatMode uint8

const (
	greedy repeatMode = iota
	lazy
	possessive
)

type assertKind uint8

const (
	textStart assertKind = iota
	textEnd
	textEndOrNewline
	lineStart
	lineEnd
	wordBoundary
	notWordBoundary
	ahead
	notAhead
	behind
	notBehind
)

const infinite = math.MaxInt

// nullable reports whether the node can match the empty text.
func (n *node) nullable() bool {
	switch n.kind {
	case nodeSet:
		return false
	case nodeAssert:
		return true
	case nodeRepeat:
		return n.min == 0 || n.subs[0].nullable()
	case nodeChoice:
		for _, s := range n.subs {
			if s.nullable() {
				return true
			}
		}
		return false
	}
	for _, s := range n.subs { // sequence, atomic
		if !s.nullable() {
			return false
		}
	}
	return true
}

// first returns the characters that a match can begin with; any character may follow a match that is
// empty, which the second result tells.
func (n *node) first() (ucd.Set, bool) {
	switch n.kind {
	case nodeSet:
		return n.set, false
	case nodeAssert:
		return nil, true
	case nodeRepeat:
		s, empty := n.subs[0].first()
		return s, empty || n.min == 0
	case nodeChoice:
		var all ucd.Set
		any := false
		for _, sub := range n.subs {
			s, empty := sub.first()
			all, any = all.Or(s), any || empty
		}
		return all, any
	}
	var all ucd.Set
	for _, sub := range n.subs {
		s, empty := sub.first()
		all = all.Or(s)
		if !empty {
			return all, false
		}
	}
	return all, true
}

// certain reports whether the node can match a text in one way only. Repeated without limit, anything
// else could take exponential time.
func (n *node) certain() bool {
	switch n.kind {
	case nodeAtomic:
		return true
	case nodeRepeat:
		if n.mode == possessive {
			return true
		}
		return n.min == n.max && n.subs[0].certain()
	case nodeChoice:
		var all ucd.Set
		for _, s := range n.subs {
			first, empty := s.first()
			if empty || len(all.And(first)) > 0 {
				return false
			}
			all = all.Or(first)
		}
	}
	for _, s := range n.subs {
		if !s.certain() {
			return false
		}
	}
	return true
}
