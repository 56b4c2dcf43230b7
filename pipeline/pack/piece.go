package pack

import (
	"fmt"

	"longlora/schemas"
)

// span is the half-open range [start, end) of a document's tokens.
type span struct{ start, end int }

// piece is a document or a part of one, to be packed as a whole.
type piece struct {
	tokens []int32
	loss   []schemas.LossSpan // over tokens; never the first
	held   []span             // the tokens' places in the document
	ref    schemas.DocRef     // its Start and End are the hull of held
	weight float32
	order  int64 // of arrival
}

func newPiece(s Sample) (piece, error) {
	p := piece{
		tokens: s.Tokens, loss: s.Loss, weight: s.Weight, held: []span{{0, len(s.Tokens)}},
		ref: schemas.DocRef{
			SampleID: s.ID, Source: s.Source, Licence: s.Licence, End: int64(len(s.Tokens)),
		},
	}
	if p.weight == 0 {
		p.weight = 1
	}
	n := int32(len(s.Tokens))
	if s.Loss == nil && n > 1 {
		p.loss = []schemas.LossSpan{{Start: 1, End: n}}
	}
	before := int32(1)
	for _, l := range p.loss {
		if l.Start < before || l.End <= l.Start || l.End > n {
			return piece{}, fmt.Errorf("document %q: loss span [%d, %d) is not in order within [1, %d)",
				s.ID, l.Start, l.End, n)
		}
		before = l.End
	}
	return p, nil
}

// keep returns the piece that is left of p when only the given ranges stay. The first token after a
// gap is no target: what precedes it is not what it followed. The tokens are copied, so that a short
// rest does not hold a long document in memory.
func (p piece) keep(ranges []span) piece {
	q := p
	q.loss, q.held = nil, nil
	n := 0
	for _, r := range ranges {
		n += r.end - r.start
	}
	q.tokens = make([]int32, 0, n)
	for _, r := range ranges {
		shift := len(q.tokens) - r.start
		q.tokens = append(q.tokens, p.tokens[r.start:r.end]...)
		q.held = append(q.held, p.places(r)...)
		for _, l := range p.loss {
			if from, to := max(int(l.Start), r.start+1), min(int(l.End), r.end); from < to {
				q.loss = append(q.loss, schemas.LossSpan{Start: int32(from + shift), End: int32(to + shift)})
			}
		}
	}
	q.ref.Start, q.ref.End = int64(q.held[0].start), int64(q.held[len(q.held)-1].end)
	return q
}

// places returns where a range of the piece's tokens stands in the document.
func (p piece) places(r span) (places []span) {
	at := 0
	for _, h := range p.held {
		size := h.end - h.start
		if from, to := max(r.start, at), min(r.end, at+size); from < to {
			places = append(places, span{h.start + from - at, h.start + to - at})
		}
		at += size
	}
	return places
}
