package shard

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"longlora/schemas"
)

// SequenceAt returns a row of a record of sequences. The numbers are the record's own memory, valid
// until it is released.
func SequenceAt(rec arrow.Record, row int) (s schemas.Sequence) {
	fillSequence(&s, rec, row)
	return s
}

// fillSequence is SequenceAt with the memory of s for spans and documents.
func fillSequence(s *schemas.Sequence, rec arrow.Record, row int) {
	bounds := func(i int) (*array.List, int64, int64) {
		l := rec.Column(i).(*array.List)
		from, to := l.ValueOffsets(row)
		return l, from, to
	}
	l, from, to := bounds(0)
	s.InputIDs = l.ListValues().(*array.Int32).Int32Values()[from:to]
	l, from, to = bounds(1)
	s.DocLens = l.ListValues().(*array.Int32).Int32Values()[from:to]
	l, from, to = bounds(2)
	spans := l.ListValues().(*array.Struct)
	starts, ends := spans.Field(0).(*array.Int32), spans.Field(1).(*array.Int32)
	s.LossSpans = s.LossSpans[:0]
	for i := from; i < to; i++ {
		s.LossSpans = append(s.LossSpans, schemas.LossSpan{
			Start: starts.Value(int(i)), End: ends.Value(int(i)),
		})
	}
	l, from, to = bounds(3)
	fillDocs(s, l.ListValues().(*array.Struct), int(from), int(to))
	l, from, to = bounds(4)
	s.LossWeights = l.ListValues().(*array.Float32).Float32Values()[from:to]
	s.NTokens = rec.Column(5).(*array.Int32).Value(row)
}

func fillDocs(s *schemas.Sequence, docs *array.Struct, from, to int) {
	text := func(i int) *array.String { return docs.Field(i).(*array.String) }
	number := func(i int) *array.Int64 { return docs.Field(i).(*array.Int64) }
	ids, sources, licences, starts, ends := text(0), text(1), text(2), number(3), number(4)
	s.Docs = s.Docs[:0]
	for i := from; i < to; i++ {
		s.Docs = append(s.Docs, schemas.DocRef{
			SampleID: ids.Value(i), Source: sources.Value(i), Licence: licences.Value(i),
			Start: starts.Value(i), End: ends.Value(i),
		})
	}
}
