package encode

import (
	"context"
	"fmt"
	"iter"

	"longlora/pipeline/pack"
	"longlora/pipeline/pool"
	"longlora/schemas"
	"longlora/schemas/shard"
)

// The tokens of a file of sequences: a sixteenth of its split, within these bounds.
const (
	fewestTokens = 16 << 20
	mostTokens   = 64 << 20
)

// Write packs documents, in the given order, into a split of a dataset. total is about the number of
// their tokens, and decides into how many files they go.
func (c *Corpus) Write(ctx context.Context, b *shard.Builder, split string,
	order iter.Seq2[int64, error], total int64, o pack.Options, workers int) (pack.Report, error) {
	p := &plan{c: c, o: o, order: order, most: min(max(total/16, fewestTokens), mostTokens)}
	p.o.Reject = b.Reject
	err := pool.Each(ctx, workers, p.files, func() func(context.Context, file) error {
		return func(ctx context.Context, f file) error { return c.gather(ctx, b, split, f) }
	})
	return p.report, err
}

// file is planned sequences, one after another: pieces[ends[i-1]:ends[i]] is the i-th.
type file struct {
	number int
	pieces []pack.Piece
	ends   []int
	tokens int64
}

// plan plans the sequences of a split, file by file.
type plan struct {
	c      *Corpus
	o      pack.Options
	order  iter.Seq2[int64, error]
	most   int64 // tokens of a file
	report pack.Report
	err    error // of finding a name
}

// name is the id of a document.
func (p *plan) name(doc int64) string {
	id, err := p.c.ID(doc)
	if err != nil && p.err == nil {
		p.err = err
	}
	return id
}

// files is an iterator over planned files.
func (p *plan) files(yield func(file, error) bool) {
	var open file
	more := true
	flush := func() {
		if len(open.ends) > 0 && more {
			more = yield(open, nil)
			open = file{number: open.number + 1}
		}
	}
	planner, err := pack.NewPlanner(p.o, p.name, func(pieces []pack.Piece) error {
		for _, q := range pieces {
			open.tokens += int64(q.Tokens())
		}
		open.pieces = append(open.pieces, pieces...)
		open.ends = append(open.ends, len(open.pieces))
		if open.tokens >= p.most {
			flush()
		}
		return nil
	})
	for doc, failed := range p.order {
		n := 0
		if err == nil {
			err = failed
		}
		if err == nil {
			n, err = p.c.Length(doc)
		}
		if err == nil {
			err = planner.Add(doc, n)
		}
		if err == nil {
			err = p.err
		}
		if err != nil || !more {
			break
		}
	}
	if err == nil && more {
		err = planner.Close()
	}
	if err == nil {
		err = p.err
	}
	if err != nil && more {
		yield(file{}, err)
	}
	if err != nil {
		return
	}
	flush()
	p.report = planner.Report()
}

// gather writes a planned file.
func (c *Corpus) gather(ctx context.Context, b *shard.Builder, split string, f file) error {
	w, err := shard.NewFile[schemas.Sequence](b, split, f.number)
	if err != nil {
		return err
	}
	from := 0
	for _, to := range f.ends {
		s, err := pack.Build(f.pieces[from:to], c.Piece)
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = w.Write(s)
		}
		if err != nil {
			return fmt.Errorf("sequence of file %d: %w", f.number, err)
		}
		from = to
	}
	return w.Close()
}
