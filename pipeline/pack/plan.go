package pack

import "longlora/schemas"

// Piece is a document's part in a planned sequence: the tokens [From, To) of the document without
// [SkipFrom, SkipTo), which lies inside or is empty.
type Piece struct {
	Doc              int64
	From, To         int
	SkipFrom, SkipTo int
}

// Tokens is the number of tokens of the piece.
func (p Piece) Tokens() int { return p.To - p.From - (p.SkipTo - p.SkipFrom) }

// Planner packs documents of which it knows the lengths only: what a Packer does with tokens, in the
// same order. Every token whose predecessor is in its piece counts as a target. It must not be used
// concurrently.
type Planner struct {
	p    *Packer
	emit func([]Piece) error
	out  []Piece
}

// NewPlanner returns a Planner that hands every finished sequence to emit. The slice is valid until
// emit returns. name returns a document's id, for errors and Options.Reject.
func NewPlanner(o Options, name func(doc int64) string, emit func([]Piece) error) (*Planner, error) {
	p, err := New(o, nil)
	if err != nil {
		return nil, err
	}
	l := &Planner{p: p, emit: emit}
	p.finish, p.name = l.sequence, func(q piece) string { return name(q.doc) }
	return l, nil
}

// Add takes a document of so many tokens.
func (l *Planner) Add(doc int64, tokens int) error {
	return l.p.add(piece{n: tokens, to: tokens, doc: doc}, tokens > 1)
}

func (l *Planner) sequence(pieces []piece) error {
	l.out = l.out[:0]
	n, targets := 0, 0
	for _, q := range pieces {
		l.out = append(l.out, Piece{q.doc, q.from, q.to, q.gap.start, q.gap.end})
		n += q.n
		targets += q.targets()
	}
	if targets == 0 {
		l.p.lose(pieces)
		return nil
	}
	l.p.report.Sequences++
	l.p.report.PackedTokens += int64(n)
	l.p.report.Targets += int64(targets)
	return l.emit(l.out)
}

// Close plans what is still waiting. The Planner cannot be used afterwards.
func (l *Planner) Close() error { return l.p.Close() }

// Report returns the counts so far.
func (l *Planner) Report() Report { return l.p.report }

// Build puts a planned sequence together. sample returns of a piece's document only the piece's tokens,
// as they stand together; its Loss is not used.
func Build(pieces []Piece, sample func(Piece) (Sample, error)) (schemas.Sequence, error) {
	bodies := make([]piece, 0, len(pieces))
	for _, q := range pieces {
		s, err := sample(q)
		if err != nil {
			return schemas.Sequence{}, err
		}
		if s.Loss = nil; q.SkipTo > q.SkipFrom {
			s.Loss = []schemas.LossSpan{}
			head, n := int32(q.SkipFrom-q.From), int32(len(s.Tokens))
			for _, l := range []schemas.LossSpan{{Start: 1, End: head}, {Start: head + 1, End: n}} {
				if l.Start < l.End {
					s.Loss = append(s.Loss, l)
				}
			}
		}
		p, err := newPiece(s)
		if err != nil {
			return schemas.Sequence{}, err
		}
		p.body.ref.Start, p.body.ref.End = int64(q.From), int64(q.To)
		bodies = append(bodies, p)
	}
	return join(bodies), nil
}
