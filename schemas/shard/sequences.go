package shard

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync/atomic"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/parquet-go/parquet-go"

	"longlora/schemas"
	"longlora/schemas/order"
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
	// BatchRows is the number of rows of a record; 0 means 1.
	BatchRows int
	// Allocator holds the records' buffers; nil means Go memory.
	Allocator memory.Allocator
}

// cacheBytes bounds the decoded row groups that a reader keeps.
const cacheBytes = 256 << 20

// Sequences streams sequences as Arrow records with the schema of ArrowSchema. The file that a row
// comes from is checked by hash before. The reader must be released.
func (d *Dataset) Sequences(ctx context.Context, o SequenceOptions) (array.RecordReader, error) {
	if err := d.wantKind(schemas.Sequence{}); err != nil {
		return nil, fmt.Errorf("read %s: %w", d.dir, err)
	}
	rows, _ := d.Count(o.Split)
	if rows == 0 {
		return nil, fmt.Errorf("read %s: split %q has no rows; the dataset has the splits %v",
			d.dir, o.Split, d.Splits())
	}
	if o.Count == 0 {
		o.Count = rows - o.Start
	}
	if o.Start < 0 || o.Count < 0 || o.Start+o.Count > rows {
		return nil, fmt.Errorf("read %s: rows [%d, %d) outside [0, %d)",
			d.dir, o.Start, o.Start+o.Count, rows)
	}
	if o.Allocator == nil {
		o.Allocator = memory.NewGoAllocator()
	}
	r := &sequenceReader{
		ctx: ctx, d: d, o: o, next: o.Start, end: o.Start + o.Count,
		order:  order.New(d.manifest.Digest, o.Seed, o.Epoch, rows, o.Shuffle),
		schema: ArrowSchema(d.manifest), cache: map[groupKey]*list.Element{}, recent: list.New(),
	}
	r.refs.Store(1)
	r.o.BatchRows = max(o.BatchRows, 1)
	for i, f := range d.manifest.Files {
		if o.Split == "" || f.Split == o.Split {
			r.files = append(r.files, &sequenceFile{file: f, index: i})
		}
	}
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

type groupKey struct{ file, group int }

// sequenceFile is one file of the split; its row groups are known once it is open.
type sequenceFile struct {
	file   schemas.File
	index  int
	open   *parquetFile
	groups []int64 // first row of each group, and the number of rows
}

// sequenceReader is an array.RecordReader over row groups in training order.
type sequenceReader struct {
	refs   atomic.Int64
	ctx    context.Context
	d      *Dataset
	o      SequenceOptions
	order  *order.Order
	schema *arrow.Schema
	files  []*sequenceFile
	next   int64
	end    int64
	record arrow.Record
	err    error

	cache  map[groupKey]*list.Element // of *rowGroup
	recent *list.List
	cached int64
}

// rowGroup is a decoded row group: all ids in one slice, the rest by row.
type rowGroup struct {
	key     groupKey
	ids     []int32
	offsets []int64
	rest    []sequenceRest
	bytes   int64
}

// sequenceRest is a sequence row without its ids.
type sequenceRest struct {
	DocLens     []int32            `parquet:"doc_lens,list"`
	LossSpans   []schemas.LossSpan `parquet:"loss_spans,list"`
	Docs        []schemas.DocRef   `parquet:"docs,list"`
	LossWeights []float32          `parquet:"loss_weights,list"`
	NTokens     int32              `parquet:"n_tokens"`
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
	for _, f := range r.files {
		if f.open != nil {
			r.err = errors.Join(r.err, f.open.Close())
		}
	}
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
	if r.err != nil || r.next >= r.end {
		return false
	}
	if r.err = r.ctx.Err(); r.err != nil {
		return false
	}
	b := newSequenceBuilder(r.o.Allocator, r.schema)
	defer b.release()
	for range r.o.BatchRows {
		if r.next >= r.end {
			break
		}
		if err := r.append(b, r.order.At(r.next)); err != nil {
			r.err = fmt.Errorf("read %s: %w", r.d.dir, err)
			return false
		}
		r.next++
	}
	r.record = b.record()
	return true
}

// append adds the row at a place of the split's file order.
func (r *sequenceReader) append(b *sequenceBuilder, row int64) error {
	for _, f := range r.files {
		if row >= f.file.Rows {
			row -= f.file.Rows
			continue
		}
		g, inside, err := r.group(f, row)
		if err != nil {
			return fmt.Errorf("%s row %d: %w", f.file.Path, row, err)
		}
		b.append(g.ids[g.offsets[inside]:g.offsets[inside+1]], &g.rest[inside])
		return nil
	}
	return fmt.Errorf("row %d is outside the split", row)
}

// group returns the decoded row group of a file's row and the row's place in it.
func (r *sequenceReader) group(f *sequenceFile, row int64) (*rowGroup, int64, error) {
	if f.open == nil {
		p, err := r.d.open(r.ctx, f.file)
		if err != nil {
			return nil, 0, err
		}
		f.open = p
		first := int64(0)
		for _, g := range p.RowGroups() {
			f.groups = append(f.groups, first)
			first += g.NumRows()
		}
		f.groups = append(f.groups, first)
		if first != f.file.Rows {
			return nil, 0, fmt.Errorf("has %d rows, the manifest says %d", first, f.file.Rows)
		}
	}
	n := 0
	for f.groups[n+1] <= row {
		n++
	}
	g, err := r.load(f, n)
	return g, row - f.groups[n], err
}

// load decodes a row group unless it is cached, and makes room.
func (r *sequenceReader) load(f *sequenceFile, n int) (*rowGroup, error) {
	key := groupKey{f.index, n}
	if e, ok := r.cache[key]; ok {
		r.recent.MoveToFront(e)
		return e.Value.(*rowGroup), nil
	}
	g, err := decodeGroup(f.open.RowGroups()[n])
	if err != nil {
		return nil, err
	}
	vocab := 0
	if t := r.d.manifest.Tokenizer; t != nil {
		vocab = t.VocabSize
	}
	if err := g.validate(vocab); err != nil {
		return nil, err
	}
	g.key = key
	r.cache[key] = r.recent.PushFront(g)
	r.cached += g.bytes
	for r.cached > cacheBytes && r.recent.Len() > 1 {
		last := r.recent.Remove(r.recent.Back()).(*rowGroup)
		delete(r.cache, last.key)
		r.cached -= last.bytes
	}
	return g, nil
}

// decodeGroup reads a row group's ids page by page, the other columns row by row.
func decodeGroup(group parquet.RowGroup) (*rowGroup, error) {
	g := &rowGroup{rest: make([]sequenceRest, group.NumRows()), offsets: []int64{0}}
	err := guard(func() error {
		if err := readRest(group, g.rest); err != nil {
			return err
		}
		total := int64(0)
		for i := range g.rest {
			total += int64(g.rest[i].NTokens)
			g.offsets = append(g.offsets, total)
		}
		column, ok := group.Schema().Lookup("input_ids", "list", "element")
		if !ok {
			return errors.New("column input_ids is missing")
		}
		var err error
		g.ids, err = readInts(group.ColumnChunks()[column.ColumnIndex], total)
		return err
	})
	g.bytes = 4*int64(len(g.ids)) + 256*int64(len(g.rest))
	return g, err
}

func readRest(group parquet.RowGroup, rows []sequenceRest) error {
	reader := parquet.NewGenericRowGroupReader[sequenceRest](group)
	defer reader.Close()
	for n := 0; n < len(rows); {
		k, err := reader.Read(rows[n:])
		n += k
		if err != nil && !(errors.Is(err, io.EOF) && n == len(rows)) {
			return err
		}
		if k == 0 && n < len(rows) {
			return fmt.Errorf("row group ends after %d of %d rows", n, len(rows))
		}
	}
	return nil
}

// readInts reads the n values of an int32 column.
func readInts(chunk parquet.ColumnChunk, n int64) ([]int32, error) {
	pages := chunk.Pages()
	defer pages.Close()
	out := make([]int32, 0, n)
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if page.Dictionary() == nil && page.NumNulls() == 0 {
			data := page.Data()
			out = append(out, data.Int32()...)
		} else if out, err = appendValues(out, page); err != nil {
			return nil, err
		}
		parquet.Release(page)
		if int64(len(out)) > n {
			break
		}
	}
	if int64(len(out)) != n {
		return nil, fmt.Errorf("input_ids holds %d values, n_tokens sums to %d", len(out), n)
	}
	return out, nil
}

// appendValues reads a page by values: the way for dictionaries.
func appendValues(out []int32, page parquet.Page) ([]int32, error) {
	values := make([]parquet.Value, 4096)
	reader := page.Values()
	for {
		n, err := reader.ReadValues(values)
		for _, v := range values[:n] {
			if !v.IsNull() {
				out = append(out, v.Int32())
			}
		}
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (g *rowGroup) validate(vocab int) error {
	for i := range g.rest {
		s := g.sequence(int64(i))
		if err := s.Validate(vocab); err != nil {
			return fmt.Errorf("row %d of its row group: %w", i, err)
		}
	}
	return nil
}

func (g *rowGroup) sequence(row int64) schemas.Sequence {
	r := &g.rest[row]
	return schemas.Sequence{
		InputIDs: g.ids[g.offsets[row]:g.offsets[row+1]], DocLens: r.DocLens, LossSpans: r.LossSpans,
		Docs: r.Docs, LossWeights: r.LossWeights, NTokens: r.NTokens,
	}
}
