package pack

import (
	"fmt"

	"longlora/schemas"
)

// span is the half-open range [start, end) of a document's tokens.
type span struct{ start, end int }

// piece is a document or a part of one, to be packed as a whole: the tokens [from, to) of the document
// without those of gap, which lies inside or is empty.
type piece struct {
	n        int // tokens
	from, to int
	gap      span
	doc      int64 // of a Planner
	order    int64 // of arrival
	body     *body // nil in a Planner
}

// body is what a piece holds.
type body struct {
	tokens []int32
	loss   []schemas.LossSpan // over tokens; never the first
	ref    schemas.DocRef     // its Start and End are the piece's from and to
	weight float32
}

func newPiece(s Sample) (piece, error) {
	b := &body{
		tokens: s.Tokens, loss: s.Loss, weight: s.Weight,
		ref: schemas.DocRef{
			SampleID: s.ID, Source: s.Source, Licence: s.Licence, End: int64(len(s.Tokens)),
		},
	}
	if b.weight == 0 {
		b.weight = 1
	}
	n := int32(len(s.Tokens))
	if s.Loss == nil && n > 1 {
		b.loss = []schemas.LossSpan{{Start: 1, End: n}}
	}
	before := int32(1)
	for _, l := range b.loss {
		if l.Start < before || l.End <= l.Start || l.End > n {
			return piece{}, fmt.Errorf("document %q: loss span [%d, %d) is not in order within [1, %d)",
				s.ID, l.Start, l.End, n)
		}
		before = l.End
	}
	return piece{n: len(s.Tokens), to: len(s.Tokens), body: b}, nil
}

// keep returns the piece that is left of p when only the given ranges stay, one or, of a whole
// document, two.
func (p piece) keep(ranges []span) piece {
	q := p
	q.n = 0
	for _, r := range ranges {
		q.n += r.end - r.start
	}
	last := ranges[len(ranges)-1]
	q.from, q.to = p.place(ranges[0].start), p.place(last.end-1)+1
	switch {
	case len(ranges) == 2:
		q.gap = span{p.from + ranges[0].end, p.from + last.start}
	case q.gap.start <= q.from || q.gap.end >= q.to:
		q.gap = span{}
	}
	if p.body != nil {
		q.body = p.body.keep(ranges)
		q.body.ref.Start, q.body.ref.End = int64(q.from), int64(q.to)
	}
	return q
}

// place returns where the piece's i-th token stands in the document.
func (p piece) place(i int) int {
	at := p.from + i
	if p.gap.end > p.gap.start && at >= p.gap.start {
		at += p.gap.end - p.gap.start
	}
	return at
}

// targets returns the number of tokens to predict if all are whose predecessor is there.
func (p piece) targets() int {
	if p.gap.end > p.gap.start {
		return p.n - 2
	}
	return p.n - 1
}

// keep returns what is left when only the given ranges stay. The first token after a gap is no target:
// what precedes it is not what it followed. The tokens are copied, so that a short rest does not hold a
// long document in memory.
func (b *body) keep(ranges []span) *body {
	q := &body{ref: b.ref, weight: b.weight}
	n := 0
	for _, r := range ranges {
		n += r.end - r.start
	}
	q.tokens = make([]int32, 0, n)
	for _, r := range ranges {
		shift := len(q.tokens) - r.start
		q.tokens = append(q.tokens, b.tokens[r.start:r.end]...)
		for _, l := range b.loss {
			if from, to := max(int(l.Start), r.start+1), min(int(l.End), r.end); from < to {
				q.loss = append(q.loss, schemas.LossSpan{Start: int32(from + shift), End: int32(to + shift)})
			}
		}
	}
	return q
}
