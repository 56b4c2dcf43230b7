package shard

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"longlora/schemas"
)

// sequenceBuilder puts rows into one Arrow record. Ids go into their buffer by one copy a row.
type sequenceBuilder struct {
	b      *array.RecordBuilder
	ids    *array.ListBuilder
	lens   *array.ListBuilder
	spans  *array.ListBuilder
	docs   *array.ListBuilder
	weight *array.ListBuilder
	tokens *array.Int32Builder
}

func newSequenceBuilder(m memory.Allocator, s *arrow.Schema) *sequenceBuilder {
	b := array.NewRecordBuilder(m, s)
	listAt := func(i int) *array.ListBuilder { return b.Field(i).(*array.ListBuilder) }
	return &sequenceBuilder{
		b: b, ids: listAt(0), lens: listAt(1), spans: listAt(2), docs: listAt(3), weight: listAt(4),
		tokens: b.Field(5).(*array.Int32Builder),
	}
}

func (b *sequenceBuilder) append(ids []int32, r *sequenceRest) {
	b.ids.Append(true)
	b.ids.ValueBuilder().(*array.Int32Builder).AppendValues(ids, nil)
	b.lens.Append(true)
	b.lens.ValueBuilder().(*array.Int32Builder).AppendValues(r.DocLens, nil)
	b.spans.Append(true)
	span := b.spans.ValueBuilder().(*array.StructBuilder)
	for _, s := range r.LossSpans {
		span.Append(true)
		span.FieldBuilder(0).(*array.Int32Builder).Append(s.Start)
		span.FieldBuilder(1).(*array.Int32Builder).Append(s.End)
	}
	b.docs.Append(true)
	doc := b.docs.ValueBuilder().(*array.StructBuilder)
	for _, d := range r.Docs {
		doc.Append(true)
		doc.FieldBuilder(0).(*array.StringBuilder).Append(d.SampleID)
		doc.FieldBuilder(1).(*array.StringBuilder).Append(d.Source)
		doc.FieldBuilder(2).(*array.StringBuilder).Append(d.Licence)
		doc.FieldBuilder(3).(*array.Int64Builder).Append(d.Start)
		doc.FieldBuilder(4).(*array.Int64Builder).Append(d.End)
	}
	b.weight.Append(true)
	b.weight.ValueBuilder().(*array.Float32Builder).AppendValues(r.LossWeights, nil)
	b.tokens.Append(r.NTokens)
}

func (b *sequenceBuilder) record() arrow.Record { return b.b.NewRecord() }
func (b *sequenceBuilder) release()             { b.b.Release() }

// SequenceAt returns a row of a record of sequences. The numbers are the record's own memory, valid
// until it is released.
func SequenceAt(rec arrow.Record, row int) schemas.Sequence {
	bounds := func(i int) (*array.List, int64, int64) {
		l := rec.Column(i).(*array.List)
		from, to := l.ValueOffsets(row)
		return l, from, to
	}
	var s schemas.Sequence
	l, from, to := bounds(0)
	s.InputIDs = l.ListValues().(*array.Int32).Int32Values()[from:to]
	l, from, to = bounds(1)
	s.DocLens = l.ListValues().(*array.Int32).Int32Values()[from:to]
	l, from, to = bounds(2)
	spans := l.ListValues().(*array.Struct)
	for i := from; i < to; i++ {
		s.LossSpans = append(s.LossSpans, schemas.LossSpan{
			Start: spans.Field(0).(*array.Int32).Value(int(i)),
			End:   spans.Field(1).(*array.Int32).Value(int(i)),
		})
	}
	l, from, to = bounds(3)
	docs := l.ListValues().(*array.Struct)
	for i := int(from); i < int(to); i++ {
		s.Docs = append(s.Docs, schemas.DocRef{
			SampleID: docs.Field(0).(*array.String).Value(i),
			Source:   docs.Field(1).(*array.String).Value(i),
			Licence:  docs.Field(2).(*array.String).Value(i),
			Start:    docs.Field(3).(*array.Int64).Value(i),
			End:      docs.Field(4).(*array.Int64).Value(i),
		})
	}
	l, from, to = bounds(4)
	s.LossWeights = l.ListValues().(*array.Float32).Float32Values()[from:to]
	s.NTokens = rec.Column(5).(*array.Int32).Value(row)
	return s
}
