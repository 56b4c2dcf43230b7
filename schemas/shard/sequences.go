package shard

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"longlora/schemas"
)

// SequenceOptions says which sequences to stream, and in which order.
type SequenceOptions struct {
	Split string
	// Shuffle gives the order of package order for Seed and Epoch; without it, file order.
	Shuffle bool
	Seed    uint64
	Epoch   int64
	// Start and Count choose the range [Start, Start+Count) of the epoch; Count 0 means to its end.
	Start, Count int64
	// Stride takes every Stride-th row of the range, its first included; 0 means 1. Rank r of w ranks
	// reads from Start+r with Stride w.
	Stride int64
	// BatchRows is the number of rows of a record; 0 means 1.
	BatchRows int
	// BatchTokens ends a record of several rows early, with the row that brings it to so many tokens;
	// 0: never.
	BatchTokens int64
	// Allocator holds the records' buffers; nil means Go memory. It is called by several goroutines.
	Allocator memory.Allocator
	// Cache, if not nil, keeps decoded row groups on disk.
	Cache *Cache
}

// check fills in what zero stands for and refuses what is not in the split.
func (o *SequenceOptions) check(rows int64) error {
	if o.Count == 0 {
		o.Count = rows - o.Start
	}
	if o.Start < 0 || o.Count < 0 || o.Start > rows || o.Count > rows-o.Start {
		return fmt.Errorf("rows [%d, %d) outside [0, %d)", o.Start, o.Start+o.Count, rows)
	}
	if o.Stride < 0 || o.BatchRows < 0 || o.Epoch < 0 {
		return fmt.Errorf("stride %d, batches of %d rows, epoch %d: want none below 0", o.Stride,
			o.BatchRows, o.Epoch)
	}
	o.Stride, o.BatchRows = max(o.Stride, 1), max(o.BatchRows, 1)
	if o.Allocator == nil {
		o.Allocator = memory.NewGoAllocator()
	}
	return nil
}

// Sequences streams sequences as Arrow records with the schema of ArrowSchema. Row groups are read
// ahead of their use; each is checked by its hash, or its file's in a dataset of version 1, before a
// token of it is used. A record of one row shares the memory of its row group. The reader must be
// released.
func (d *Dataset) Sequences(ctx context.Context, o SequenceOptions) (array.RecordReader, error) {
	if err := d.wantKind(schemas.Sequence{}); err != nil {
		return nil, fmt.Errorf("read %s: %w", d.dir, err)
	}
	rows, _ := d.Count(o.Split)
	if rows == 0 {
		return nil, fmt.Errorf("read %s: split %q has no rows; the dataset has the splits %v",
			d.dir, o.Split, d.Splits())
	}
	if err := o.check(rows); err != nil {
		return nil, fmt.Errorf("read %s: %w", d.dir, err)
	}
	if s, ok := d.files.(Streamer); ok {
		r, err := s.Sequences(ctx, d.manifest, o)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", d.dir, err)
		}
		return r, nil
	}
	r := &sequenceReader{
		d: d, o: o, next: o.Start, end: o.Start + o.Count, schema: ArrowSchema(d.manifest),
	}
	r.ctx, r.cancel = context.WithCancel(ctx)
	r.layout = newLayout(d, o)
	r.groups = newGroupCache(r.fetch, heldBytes)
	r.decoders = make(chan *decoder, fetchesAhead+1)
	r.refs.Store(1)
	return r, nil
}

// ArrowSchema returns the schema of sequence records. Its metadata names the dataset and the
// tokenizer.
func ArrowSchema(m *schemas.Manifest) *arrow.Schema {
	i32, i64, str := arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64, arrow.BinaryTypes.String
	span := arrow.StructOf(
		arrow.Field{Name: "start", Type: i32}, arrow.Field{Name: "end", Type: i32})
	doc := arrow.StructOf(
		arrow.Field{Name: "sample_id", Type: str}, arrow.Field{Name: "source", Type: str},
		arrow.Field{Name: "licence", Type: str}, arrow.Field{Name: "start", Type: i64},
		arrow.Field{Name: "end", Type: i64})
	keys, values := []string{"dataset_digest"}, []string{m.Digest}
	if m.Tokenizer != nil {
		keys = append(keys, "tokenizer_digest", "vocab_size")
		values = append(values, m.Tokenizer.Digest, strconv.Itoa(m.Tokenizer.VocabSize))
	}
	metadata := arrow.NewMetadata(keys, values)
	return arrow.NewSchema([]arrow.Field{
		{Name: "input_ids", Type: arrow.ListOfNonNullable(i32)},
		{Name: "doc_lens", Type: arrow.ListOfNonNullable(i32)},
		{Name: "loss_spans", Type: arrow.ListOfNonNullable(span)},
		{Name: "docs", Type: arrow.ListOfNonNullable(doc)},
		{Name: "loss_weights", Type: arrow.ListOfNonNullable(arrow.PrimitiveTypes.Float32)},
		{Name: "n_tokens", Type: i32},
	}, &metadata)
}

// heldBytes bounds the decoded row groups that a reader keeps, unless one is longer: those of a window
// (order.WindowBlocks) and what is read ahead.
const heldBytes = 256 << 20

// sequenceReader is an array.RecordReader over row groups in training order.
type sequenceReader struct {
	refs   atomic.Int64
	ctx    context.Context
	cancel context.CancelFunc
	d      *Dataset
	o      SequenceOptions
	schema *arrow.Schema
	layout *layout
	groups *groupCache
	// decoders are those that no fetch is using.
	decoders chan *decoder

	next   int64 // index of the next row
	ahead  int64 // index of the next row whose group is not asked for
	end    int64
	record arrow.Record
	err    error
}

func (r *sequenceReader) Schema() *arrow.Schema { return r.schema }
func (r *sequenceReader) Record() arrow.Record  { return r.record }
func (r *sequenceReader) Err() error            { return r.err }
func (r *sequenceReader) Retain()               { r.refs.Add(1) }

func (r *sequenceReader) Release() {
	if r.refs.Add(-1) != 0 {
		return
	}
	r.drop()
	r.cancel()
	r.groups.close()
	for len(r.decoders) > 0 {
		(<-r.decoders).close()
	}
	r.layout.close()
}

func (r *sequenceReader) drop() {
	if r.record != nil {
		r.record.Release()
		r.record = nil
	}
}

// Next makes the next record current; the one before is released.
func (r *sequenceReader) Next() bool {
	r.drop()
	if r.err == nil {
		r.err = r.ctx.Err()
	}
	if r.err != nil || r.next >= r.end {
		return false
	}
	var rows []arrow.Record
	tokens := int64(0)
	defer func() {
		for _, row := range rows {
			row.Release()
		}
	}()
	for range r.o.BatchRows {
		if r.next >= r.end {
			break
		}
		row, err := r.row(r.next)
		if err != nil {
			r.err = fmt.Errorf("read %s: %w", r.d.dir, err)
			return false
		}
		rows = append(rows, row)
		r.next += r.o.Stride
		tokens += int64(row.Column(5).(*array.Int32).Value(0))
		if r.o.BatchTokens > 0 && tokens >= r.o.BatchTokens {
			break
		}
	}
	if r.o.BatchRows == 1 {
		rows[0].Retain()
		r.record = rows[0]
		return true
	}
	if r.record, r.err = joinRecords(r.o.Allocator, r.schema, rows); r.err != nil {
		r.err = fmt.Errorf("read %s: %w", r.d.dir, r.err)
	}
	return r.err == nil
}

// row returns the row at an index of the epoch, as a record of its own.
func (r *sequenceReader) row(index int64) (arrow.Record, error) {
	key, inside, err := r.layout.at(r.ctx, index)
	if err != nil {
		return nil, err
	}
	group, err := r.groups.get(key, r.layout.size(key))
	if err != nil {
		return nil, fmt.Errorf("%s row group %d: %w", r.layout.name(key), key.group, err)
	}
	row := group.NewSlice(inside, inside+1)
	r.prefetch() // last, so that the first row has the line for itself
	return row, nil
}

// mostAhead is the number of rows that prefetch looks ahead.
const mostAhead = 4096

// prefetch asks for the row groups of the rows to come, as far as there is room for them.
func (r *sequenceReader) prefetch() {
	r.ahead = max(r.ahead, r.next+r.o.Stride)
	for r.ahead < r.end && r.ahead < r.next+mostAhead*r.o.Stride {
		key, ok := r.layout.known(r.ahead)
		if !ok || !r.groups.want(key, r.layout.size(key)) {
			return
		}
		r.ahead += r.o.Stride
	}
}

// fetch reads, checks and decodes a row group.
func (r *sequenceReader) fetch(key groupKey) (arrow.Record, error) {
	b := r.layout.block(key)
	cached := r.o.Cache != nil && b.SHA256 != ""
	if cached {
		if record := r.o.Cache.get(b, r.o.Allocator, r.schema); record != nil {
			err := r.checked(&record, b)
			return record, err
		}
	}
	data, err := r.layout.read(r.ctx, key)
	if err != nil {
		return nil, err
	}
	record, err := r.decode(data, b)
	if err == nil {
		err = r.checked(&record, b)
	}
	if err == nil && cached {
		r.o.Cache.put(b, record)
	}
	return record, err
}

func (r *sequenceReader) decode(data []byte, b schemas.Block) (arrow.Record, error) {
	var d *decoder
	select {
	case d = <-r.decoders:
	default:
		var err error
		if d, err = newDecoder(); err != nil {
			return nil, err
		}
	}
	record, err := decodeRecord(d, r.o.Allocator, r.schema, data, b.Rows, b.Tokens)
	select {
	case r.decoders <- d:
	default:
		d.close()
	}
	return record, err
}

// checked gives up a record that checkGroup refuses.
func (r *sequenceReader) checked(record *arrow.Record, b schemas.Block) error {
	err := r.checkGroup(*record, b)
	if err != nil {
		(*record).Release()
		*record = nil
	}
	return err
}

// checkGroup requires what the manifest says of a row group, and valid rows.
func (r *sequenceReader) checkGroup(record arrow.Record, b schemas.Block) error {
	vocab := 0
	if t := r.d.manifest.Tokenizer; t != nil {
		vocab = t.VocabSize
	}
	if err := checkRecord(record, vocab); err != nil {
		return err
	}
	ids := record.Column(0).(*array.List).ListValues().Len()
	if b.SHA256 != "" && int64(ids) != b.Tokens {
		return fmt.Errorf("it has %d tokens, the manifest says %d; rebuild the dataset", ids, b.Tokens)
	}
	return nil
}

// joinRecords copies rows into one record.
func joinRecords(mem memory.Allocator, schema *arrow.Schema, rows []arrow.Record) (arrow.Record, error) {
	columns := make([]arrow.Array, 0, len(schema.Fields()))
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	for i := range schema.Fields() {
		parts := make([]arrow.Array, len(rows))
		for k, row := range rows {
			parts[k] = row.Column(i)
		}
		column, err := array.Concatenate(parts, mem)
		if err != nil {
			return nil, err
		}
		columns = append(columns, column)
	}
	return array.NewRecord(schema, columns, int64(len(rows))), nil
}
