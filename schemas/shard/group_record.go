package shard

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/parquet-go/parquet-go/format"

	"longlora/schemas"
)

// sequenceLeaves is the number of column chunks of a row group of sequences, in the order of
// schemas.Sequence.
const sequenceLeaves = 11

// groupReader puts the pages of one row group into one record.
type groupReader struct {
	d      *decoder
	mem    memory.Allocator
	chunks []chunk
	next   int // chunk
	rows   int64
	most   int64 // values of a column
	live   []*memory.Buffer
}

// decodeRecord decodes a row group of so many sequences with at most so many tokens. Its lists' offsets
// begin with 0.
func decodeRecord(d *decoder, mem memory.Allocator, schema *arrow.Schema, data []byte,
	rows, tokens int64) (_ arrow.Record, err error) {
	if rows > mostPage || tokens > mostPage {
		return nil, fmt.Errorf("%w: %d rows, %d tokens", errPages, rows, tokens)
	}
	g := &groupReader{d: d, mem: mem, rows: rows, most: max(rows, tokens)}
	if g.chunks, err = splitChunks(data, sequenceLeaves, rows); err != nil {
		return nil, err
	}
	columns := make([]arrow.Array, 0, len(schema.Fields()))
	defer func() {
		for _, c := range columns {
			c.Release()
		}
		for _, b := range g.live {
			b.Release()
		}
	}()
	for _, f := range schema.Fields() {
		data, err := g.column(f.Type)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", f.Name, err)
		}
		columns = append(columns, array.MakeFromData(data))
		data.Release()
	}
	return array.NewRecord(schema, columns, rows), nil
}

// column reads the chunks of a column: numbers, lists of numbers or lists of structs.
func (g *groupReader) column(t arrow.DataType) (*array.Data, error) {
	list, ok := t.(*arrow.ListType)
	if !ok {
		c := g.take()
		return g.values(t, c, rowCounts(c))
	}
	structure, ok := list.Elem().(*arrow.StructType)
	if !ok {
		c := g.take()
		offsets, counts, err := g.offsets(c)
		if err != nil {
			return nil, err
		}
		values, err := g.values(list.Elem(), c, counts)
		if err != nil {
			return nil, err
		}
		return g.list(list, offsets, values)
	}
	return g.structs(list, structure)
}

func (g *groupReader) take() *chunk {
	g.next++
	return &g.chunks[g.next-1]
}

// structs reads a list of structs, whose fields' chunks have the same lists.
func (g *groupReader) structs(list *arrow.ListType, t *arrow.StructType) (_ *array.Data, err error) {
	var offsets *memory.Buffer
	var fields []arrow.ArrayData
	defer func() {
		for _, f := range fields {
			f.Release()
		}
	}()
	n := 0
	for _, f := range t.Fields() {
		c := g.take()
		o, counts, err := g.offsets(c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		if offsets == nil {
			offsets, n = o, int(sumOf(counts))
		} else if string(offsets.Bytes()) != string(o.Bytes()) {
			return nil, fmt.Errorf("%w: lists of %s have other lengths", errPages, f.Name)
		}
		values, err := g.values(f.Type, c, counts)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		fields = append(fields, values)
	}
	return g.list(list, offsets, array.NewData(t, n, []*memory.Buffer{nil}, fields, 0, 0))
}

// list puts values under offsets; it takes over the values' reference.
func (g *groupReader) list(t arrow.DataType, offsets *memory.Buffer, values *array.Data) (
	*array.Data, error) {
	defer values.Release()
	o := arrow.Int32Traits.CastFromBytes(offsets.Bytes())
	if last := int(o[len(o)-1]); last != values.Len() {
		return nil, fmt.Errorf("%w: lists of %d values, there are %d", errPages, last, values.Len())
	}
	return array.NewData(t, int(g.rows), []*memory.Buffer{nil, offsets}, []arrow.ArrayData{values},
		0, 0), nil
}

// buffer allocates n bytes; the groupReader owns the reference.
func (g *groupReader) buffer(n int64) *memory.Buffer {
	b := memory.NewResizableBuffer(g.mem)
	b.Resize(int(n))
	g.live = append(g.live, b)
	return b
}

// offsets reads where each row's values begin, and the number of values of each page.
func (g *groupReader) offsets(c *chunk) (*memory.Buffer, []int64, error) {
	b := g.buffer(4 * (g.rows + 1))
	all := arrow.Int32Traits.CastFromBytes(b.Bytes())
	offsets, total := all[:0], int64(0)
	var err error
	counts := make([]int64, len(c.pages))
	for i := range c.pages {
		before := total
		if offsets, total, err = g.d.starts(offsets, &c.pages[i], total); err != nil {
			return nil, nil, err
		}
		counts[i] = total - before
	}
	if len(offsets) != int(g.rows) {
		return nil, nil, fmt.Errorf("%w: %d rows of %d", errPages, len(offsets), g.rows)
	}
	all[g.rows] = int32(total)
	return b, counts, nil
}

// rowCounts returns the values of each page of a column that has one value a row.
func rowCounts(c *chunk) []int64 {
	counts := make([]int64, len(c.pages))
	for i := range c.pages {
		counts[i] = int64(c.pages[i].rows)
	}
	return counts
}

func sumOf(counts []int64) (sum int64) {
	for _, n := range counts {
		sum += n
	}
	return sum
}

// values reads a chunk's values, counts of them in each page.
func (g *groupReader) values(t arrow.DataType, c *chunk, counts []int64) (*array.Data, error) {
	total := sumOf(counts)
	if total > g.most {
		return nil, fmt.Errorf("%w: %d values in rows of %d tokens", errPages, total, g.most)
	}
	if t.ID() == arrow.STRING {
		return g.strings(c, counts, total)
	}
	width := int64(t.(arrow.FixedWidthDataType).BitWidth() / 8)
	b := g.buffer(total * width)
	if err := g.numbers(b.Bytes(), width, c, counts); err != nil {
		return nil, err
	}
	return array.NewData(t, int(total), []*memory.Buffer{nil, b}, nil, 0, 0), nil
}

// numbers decodes pages of numbers of width bytes into dst.
func (g *groupReader) numbers(dst []byte, width int64, c *chunk, counts []int64) error {
	dictionary, err := g.numberDictionary(c, width)
	if err != nil {
		return err
	}
	for i := range c.pages {
		p := &c.pages[i]
		out := dst[:counts[i]*width]
		dst = dst[len(out):]
		switch p.encoding {
		case format.Plain:
			if n, err := p.valueBytes(); err != nil || n != len(out) {
				return fmt.Errorf("%w: a page of %d bytes for %d values (%w)", errPages, n, counts[i], err)
			}
			if err := g.d.unpackValues(out, p); err != nil {
				return err
			}
		case format.RLEDictionary:
			if err := g.lookUp(out, width, dictionary, p, counts[i]); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%w: numbers encoded as %v", errPages, p.encoding)
		}
	}
	return nil
}

func (g *groupReader) numberDictionary(c *chunk, width int64) ([]byte, error) {
	if c.dictionary == nil {
		return nil, nil
	}
	data, err := g.d.dictionaryValues(c.dictionary)
	if err != nil {
		return nil, err
	}
	if int64(len(data))%width != 0 {
		return nil, fmt.Errorf("%w: a dictionary of %d bytes", errPages, len(data))
	}
	return data, nil
}

func (g *groupReader) lookUp(out []byte, width int64, dictionary []byte, p *page, n int64) error {
	data, err := g.d.pageValues(p)
	if err != nil {
		return err
	}
	indices, err := g.d.indices(data, int(n), len(dictionary)/int(width))
	if err != nil || n == 0 {
		return err
	}
	if width == 4 {
		gather(arrow.Uint32Traits.CastFromBytes(out), arrow.Uint32Traits.CastFromBytes(dictionary), indices)
	} else {
		gather(arrow.Uint64Traits.CastFromBytes(out), arrow.Uint64Traits.CastFromBytes(dictionary), indices)
	}
	return nil
}

func gather[T any](out, from []T, indices []int32) {
	for i, k := range indices {
		out[i] = from[k]
	}
}

// strings decodes pages of texts.
func (g *groupReader) strings(c *chunk, counts []int64, total int64) (*array.Data, error) {
	offsets := make([]int32, 1, total+1)
	var text []byte
	words, ends, err := g.textDictionary(c)
	if err != nil {
		return nil, err
	}
	for i := range c.pages {
		p := &c.pages[i]
		data, err := g.d.pageValues(p)
		if err != nil {
			return nil, err
		}
		switch e := p.encoding; e {
		case format.RLEDictionary:
			indices, err := g.d.indices(data, int(counts[i]), len(ends)-1)
			if err != nil {
				return nil, err
			}
			for _, k := range indices {
				text = append(text, words[ends[k]:ends[k+1]]...)
				offsets = append(offsets, int32(len(text)))
			}
		default:
			if err := g.d.texts(data, e, int(counts[i])); err != nil {
				return nil, err
			}
			for _, end := range g.d.ends[1:] {
				offsets = append(offsets, int32(len(text))+int32(end))
			}
			text = append(text, g.d.text...)
		}
		if len(text) > mostPage {
			return nil, fmt.Errorf("%w: %d bytes of text", errPages, len(text))
		}
	}
	return g.stringData(offsets, text)
}

func (g *groupReader) stringData(offsets []int32, text []byte) (*array.Data, error) {
	o := g.buffer(4 * int64(len(offsets)))
	copy(arrow.Int32Traits.CastFromBytes(o.Bytes()), offsets)
	v := g.buffer(int64(len(text)))
	copy(v.Bytes(), text)
	return array.NewData(arrow.BinaryTypes.String, len(offsets)-1, []*memory.Buffer{nil, o, v}, nil,
		0, 0), nil
}

// textDictionary returns a dictionary's texts end to end, and where they end.
func (g *groupReader) textDictionary(c *chunk) (words []byte, ends []uint32, err error) {
	if c.dictionary == nil {
		return nil, []uint32{0}, nil
	}
	data, err := g.d.dictionaryValues(c.dictionary)
	if err != nil {
		return nil, nil, err
	}
	n := c.dictionary.values
	if n < 0 || int(n) > len(data)/4 {
		return nil, nil, fmt.Errorf("%w: a dictionary of %d texts in %d bytes", errPages, n, len(data))
	}
	if err := g.d.texts(data, format.Plain, int(n)); err != nil {
		return nil, nil, err
	}
	return append([]byte(nil), g.d.text...), append([]uint32(nil), g.d.ends...), nil
}

// checkRecord requires each row to keep the contract of sequences, for a vocabulary of vocab ids (0:
// unbounded).
func checkRecord(r arrow.Record, vocab int) error {
	var s schemas.Sequence
	for i := range int(r.NumRows()) {
		fillSequence(&s, r, i)
		if err := s.Validate(vocab); err != nil {
			return fmt.Errorf("row %d of its row group: %w", i, err)
		}
	}
	return nil
}

// recordBytes is about the memory that a decoded row group of so many rows and tokens takes.
func recordBytes(rows, tokens int64) int64 {
	return 4*tokens + 128*rows
}
