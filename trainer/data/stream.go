package data

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"longlora/schemas"
	"longlora/schemas/shard"
)

// Limits are what a model can take.
type Limits struct {
	// Vocab is the size of the model's vocabulary.
	Vocab int
	// Context is the most tokens of a sequence.
	Context int
	// Tokenizers are the digests of the tokenizer files that the model comes with; none: not checked.
	Tokenizers []string
}

// Stream reads a Source endlessly, epoch after epoch. It must be closed.
type Stream struct {
	ctx    context.Context
	source Source
	limits Limits
	ranks  Ranks
	at     Position // of rank 0's next row
	epoch  int64    // that reader reads
	reader array.RecordReader
	record arrow.Record // current, owned by reader
	row    int          // next row of record
}

// Open begins at a position and checks that source and limits fit.
func Open(ctx context.Context, source Source, at Position, limits Limits) (*Stream, error) {
	return OpenRank(ctx, source, at, limits, Ranks{})
}

// OpenRank is Open for one of several processes. All give the same position: it is where the first of
// them goes on, and the others follow it in the order. So a position that was reached by any number of
// processes, each having read as many rows, is where any other number can go on; nothing before it is
// read.
func OpenRank(ctx context.Context, source Source, at Position, limits Limits, ranks Ranks) (*Stream,
	error) {
	ranks, err := ranks.check()
	if err != nil {
		return nil, err
	}
	rows := source.Rows()
	if rows == 0 || at.Epoch < 0 || at.Index < 0 || at.Index > rows {
		return nil, fmt.Errorf("data: %v is not in a source of %d sequences an epoch", at, rows)
	}
	s := &Stream{ctx: ctx, source: source, limits: limits, ranks: ranks, at: at.begin(rows)}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// next is the position of this rank's next row.
func (s *Stream) next() Position {
	rows := s.source.Rows()
	return s.at.after(int64(s.ranks.Rank), rows).begin(rows)
}

func (s *Stream) open() (err error) {
	next := s.next()
	s.epoch = next.Epoch
	s.reader, err = s.source.Open(s.ctx, next.Epoch, next.Index, int64(s.ranks.World))
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	return s.checkSchema(s.reader.Schema())
}

// checkSchema refuses records of another kind and tokens of another tokenizer.
func (s *Stream) checkSchema(schema *arrow.Schema) error {
	want := shard.ArrowSchema(&schemas.Manifest{})
	if len(schema.Fields()) != len(want.Fields()) {
		return fmt.Errorf("data: records have %d columns, sequences have %d",
			len(schema.Fields()), len(want.Fields()))
	}
	for i, f := range want.Fields() {
		if got := schema.Field(i); got.Name != f.Name || !arrow.TypeEqual(got.Type, f.Type) {
			return fmt.Errorf("data: column %d is %v, want %v", i, got, f)
		}
	}
	meta := schema.Metadata()
	if text, ok := meta.GetValue("vocab_size"); ok {
		if vocab, err := strconv.Atoi(text); err != nil || vocab > s.limits.Vocab {
			return fmt.Errorf("data: the shards' tokenizer has %s tokens, the model's vocabulary %d; "+
				"encode the shards with the model's tokenizer", text, s.limits.Vocab)
		}
	}
	digest, ok := meta.GetValue("tokenizer_digest")
	if !ok || len(s.limits.Tokenizers) == 0 {
		return nil
	}
	for _, t := range s.limits.Tokenizers {
		if t == digest {
			return nil
		}
	}
	return fmt.Errorf("data: the shards were encoded by tokenizer %.12s, the model has %.12s: its "+
		"ids mean other tokens; encode the shards with the model's tokenizer", digest,
		s.limits.Tokenizers[0])
}

// At returns the position at which streams of all ranks go on once each has read as many rows as this
// one: for one process, that of its next row.
func (s *Stream) At() Position { return s.at }

// Next returns the next row.
func (s *Stream) Next() (*Row, error) {
	next := s.next()
	if next.Epoch != s.epoch {
		s.release()
	}
	if s.reader == nil {
		if err := s.open(); err != nil {
			return nil, err
		}
	}
	for s.record == nil || s.row == int(s.record.NumRows()) {
		if !s.reader.Next() {
			if err := s.reader.Err(); err != nil {
				return nil, fmt.Errorf("data: %v: %w", next, err)
			}
			return nil, fmt.Errorf("data: the records end at %v of %d", next, s.source.Rows())
		}
		s.record, s.row = s.reader.Record(), 0
	}
	q := shard.SequenceAt(s.record, s.row)
	if err := s.check(&q); err != nil {
		return nil, fmt.Errorf("data: %v: %w", next, err)
	}
	s.row++
	s.at = s.at.after(int64(s.ranks.World), s.source.Rows())
	return rowOf(&q), nil
}

func (s *Stream) check(q *schemas.Sequence) error {
	if len(q.InputIDs) == 0 {
		return errors.New("the sequence has no tokens")
	}
	if n := len(q.InputIDs); n > s.limits.Context {
		return fmt.Errorf("the sequence has %d tokens, the run's context is %d; train with --context "+
			"%d or encode with a context of %d", n, s.limits.Context, n, s.limits.Context)
	}
	return q.Validate(s.limits.Vocab)
}

func (s *Stream) release() {
	if s.reader != nil {
		s.reader.Release()
	}
	s.reader, s.record = nil, nil
}

// Close releases what the stream holds.
func (s *Stream) Close() error {
	s.release()
	return nil
}
