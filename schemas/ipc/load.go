package ipc

import (
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Fields of a batch's table (format/Message.fbs).
const (
	batchLength, batchNodes, batchBuffers, batchCompression = 0, 1, 2, 3
	structBytes                                             = 16 // of a node and of a buffer
)

// loader cuts arrays out of a batch's body.
type loader struct {
	r                 *Reader
	body              *memory.Buffer
	meta              []byte
	nodes, buffers    int64 // places of the next ones
	nodesEnd, bufsEnd int64
	codec             codec
	room              int64 // bytes that may still be decompressed
	live              []*memory.Buffer
}

func (r *Reader) newLoader(batch table, body *memory.Buffer) (*loader, error) {
	l := &loader{r: r, body: body, meta: batch.Bytes, room: r.o.MaxMessage}
	var n int64
	var err error
	if l.nodes, n, err = batch.vector(batchNodes, structBytes); err != nil {
		return nil, err
	}
	l.nodesEnd = l.nodes + n*structBytes
	if l.buffers, n, err = batch.vector(batchBuffers, structBytes); err != nil {
		return nil, err
	}
	l.bufsEnd = l.buffers + n*structBytes
	if c, ok := batch.child(batchCompression); ok {
		if l.codec, err = codecOf(c.byteAt(0)); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// release drops the loader's own references.
func (l *loader) release() {
	for _, b := range l.live {
		b.Release()
	}
}

func (r *Reader) readBatch(m *message) (arrow.Record, error) {
	batch := table{m.header}
	rows := batch.int64At(batchLength)
	if rows < 0 || rows > min(mostLength, 8*r.o.MaxMessage) {
		return nil, fmt.Errorf("%w: a batch of %d rows", ErrMalformed, rows)
	}
	l, err := r.newLoader(batch, m.body)
	if err != nil {
		return nil, err
	}
	defer l.release()
	columns := make([]arrow.Array, 0, len(r.fields))
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	for i, f := range r.fields {
		column, err := l.column(r.schema.Field(i).Type, f, rows)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", r.schema.Field(i).Name, err)
		}
		columns = append(columns, column)
	}
	return array.NewRecord(r.schema, columns, rows), nil
}

// column loads an array of rows values, all of which may be used without another check.
func (l *loader) column(t arrow.DataType, f field, rows int64) (arrow.Array, error) {
	data, err := l.array(t, f)
	if err != nil {
		return nil, err
	}
	defer data.Release()
	if int64(data.Len()) != rows {
		return nil, fmt.Errorf("%w: %d values, the batch has %d rows", ErrMalformed, data.Len(), rows)
	}
	return array.MakeFromData(data), nil
}

// node reads the next field node.
func (l *loader) node() (length, nulls int64, err error) {
	if l.nodes+structBytes > l.nodesEnd {
		return 0, 0, fmt.Errorf("%w: fewer field nodes than fields", ErrMalformed)
	}
	length = int64(binary.LittleEndian.Uint64(l.meta[l.nodes:]))
	nulls = int64(binary.LittleEndian.Uint64(l.meta[l.nodes+8:]))
	l.nodes += structBytes
	if length < 0 || length > min(mostLength, 8*l.r.o.MaxMessage) || nulls < 0 || nulls > length {
		return 0, 0, fmt.Errorf("%w: %d values with %d nulls", ErrMalformed, length, nulls)
	}
	return length, nulls, nil
}

// buffer reads the next buffer, which must have at least need bytes; nil stands for one of none. The
// loader owns the reference.
func (l *loader) buffer(need int64) (*memory.Buffer, error) {
	if l.buffers+structBytes > l.bufsEnd {
		return nil, fmt.Errorf("%w: fewer buffers than fields need", ErrMalformed)
	}
	offset := int64(binary.LittleEndian.Uint64(l.meta[l.buffers:]))
	size := int64(binary.LittleEndian.Uint64(l.meta[l.buffers+8:]))
	l.buffers += structBytes
	if offset < 0 || size < 0 || offset > int64(l.body.Len()) || size > int64(l.body.Len())-offset {
		return nil, fmt.Errorf("%w: a buffer [%d, +%d) outside the body's %d bytes", ErrMalformed,
			offset, size, l.body.Len())
	}
	b, err := l.cut(offset, size)
	if err != nil {
		return nil, err
	}
	have := int64(0)
	if b != nil {
		l.live = append(l.live, b)
		have = int64(b.Len())
	}
	if have < need {
		return nil, fmt.Errorf("%w: a buffer of %d bytes, %d are needed", ErrMalformed, have, need)
	}
	return b, nil
}

// cut takes a buffer out of the body, by reference unless it is compressed or misaligned.
func (l *loader) cut(offset, size int64) (*memory.Buffer, error) {
	if size == 0 {
		return nil, nil
	}
	if l.codec != nil {
		return l.decompress(l.body.Bytes()[offset : offset+size])
	}
	if offset%8 == 0 {
		return memory.SliceBuffer(l.body, int(offset), int(size)), nil
	}
	b := memory.NewResizableBuffer(l.r.o.Allocator)
	b.Resize(int(size))
	copy(b.Bytes(), l.body.Bytes()[offset:offset+size])
	return b, nil
}

// array loads one array with its children.
func (l *loader) array(t arrow.DataType, f field) (*array.Data, error) {
	if x, ok := t.(arrow.ExtensionType); ok {
		return l.extension(x, f)
	}
	length, nulls, err := l.node()
	if err != nil {
		return nil, err
	}
	if t.ID() == arrow.NULL {
		return array.NewData(t, int(length), nil, nil, int(length), 0), nil
	}
	validity, err := l.buffer(0)
	if err != nil {
		return nil, err
	}
	if nulls == 0 {
		validity = nil
	} else if validity == nil || int64(validity.Len()) < bitutil.BytesForBits(length) {
		return nil, fmt.Errorf("%w: %d nulls without a bitmap of %d values", ErrMalformed, nulls, length)
	}
	p := part{length: length, nulls: nulls, validity: validity}
	return l.values(t, f, p)
}

// part is what all arrays have.
type part struct {
	length, nulls int64
	validity      *memory.Buffer
}

// data assembles an array; the children's references are handed over.
func (p part) data(t arrow.DataType, children []arrow.ArrayData, buffers ...*memory.Buffer) *array.Data {
	all := append([]*memory.Buffer{p.validity}, buffers...)
	d := array.NewData(t, int(p.length), all, children, int(p.nulls), 0)
	for _, c := range children {
		c.Release()
	}
	return d
}

func (l *loader) extension(x arrow.ExtensionType, f field) (*array.Data, error) {
	storage, err := l.array(x.StorageType(), f)
	if err != nil {
		return nil, err
	}
	defer storage.Release()
	return array.NewData(x, storage.Len(), storage.Buffers(), storage.Children(), storage.NullN(), 0), nil
}

// values loads what follows an array's validity, by its type.
func (l *loader) values(t arrow.DataType, f field, p part) (*array.Data, error) {
	switch t := t.(type) {
	case *arrow.DictionaryType:
		return l.dictionaryArray(t, f, p)
	case *arrow.BinaryType, *arrow.StringType:
		return l.binary(t, p, 4)
	case *arrow.LargeBinaryType, *arrow.LargeStringType:
		return l.binary(t, p, 8)
	case *arrow.ListType:
		return l.list(t, t.Elem(), f, p, 4)
	case *arrow.LargeListType:
		return l.list(t, t.Elem(), f, p, 8)
	case *arrow.MapType:
		return l.list(t, t.Elem(), f, p, 4)
	case *arrow.FixedSizeListType:
		return l.fixedList(t, f, p)
	case *arrow.StructType:
		return l.structure(t, f, p)
	case *arrow.BooleanType:
		b, err := l.buffer(bitutil.BytesForBits(p.length))
		if err != nil {
			return nil, err
		}
		return p.data(t, nil, b), nil
	case arrow.FixedWidthDataType:
		b, err := l.buffer(p.length * int64(t.BitWidth()/8))
		if err != nil {
			return nil, err
		}
		return p.data(t, nil, b), nil
	}
	return nil, fmt.Errorf("%w: values of type %v are not read", ErrMalformed, t)
}

// offsets loads n+1 offsets of width bytes that must rise from at least 0; it returns the last. An
// array of no values may have none.
func (l *loader) offsets(n, width int64) (*memory.Buffer, int64, error) {
	need := (n + 1) * width
	if n == 0 {
		need = 0
	}
	b, err := l.buffer(need)
	if err != nil || n == 0 {
		return b, 0, err
	}
	var last int64
	if width == 4 {
		last, err = rising(arrow.Int32Traits.CastFromBytes(b.Bytes()[:need]))
	} else {
		last, err = rising(arrow.Int64Traits.CastFromBytes(b.Bytes()[:need]))
	}
	return b, last, err
}

func rising[T int32 | int64](offsets []T) (int64, error) {
	before := T(0)
	for i, o := range offsets {
		if o < before {
			return 0, fmt.Errorf("%w: offset %d is %d after %d", ErrMalformed, i, o, before)
		}
		before = o
	}
	return int64(before), nil
}

func (l *loader) binary(t arrow.DataType, p part, width int64) (*array.Data, error) {
	offsets, last, err := l.offsets(p.length, width)
	if err != nil {
		return nil, err
	}
	values, err := l.buffer(last)
	if err != nil {
		return nil, err
	}
	return p.data(t, nil, offsets, values), nil
}

func (l *loader) list(t, elem arrow.DataType, f field, p part, width int64) (*array.Data, error) {
	offsets, last, err := l.offsets(p.length, width)
	if err != nil {
		return nil, err
	}
	child, err := l.only(elem, f)
	if err != nil {
		return nil, err
	}
	if int64(child.Len()) < last {
		child.Release()
		return nil, fmt.Errorf("%w: lists of %d values, there are %d", ErrMalformed, last, child.Len())
	}
	return p.data(t, []arrow.ArrayData{child}, offsets), nil
}

// only loads the one child of a field.
func (l *loader) only(elem arrow.DataType, f field) (*array.Data, error) {
	if len(f.children) != 1 {
		return nil, fmt.Errorf("%w: a list with %d children", ErrMalformed, len(f.children))
	}
	return l.array(elem, f.children[0])
}

func (l *loader) fixedList(t *arrow.FixedSizeListType, f field, p part) (*array.Data, error) {
	child, err := l.only(t.Elem(), f)
	if err != nil {
		return nil, err
	}
	if need := p.length * int64(t.Len()); t.Len() < 0 || int64(child.Len()) < need {
		child.Release()
		return nil, fmt.Errorf("%w: lists of %d values, there are %d", ErrMalformed, need, child.Len())
	}
	return p.data(t, []arrow.ArrayData{child}), nil
}

func (l *loader) structure(t *arrow.StructType, f field, p part) (_ *array.Data, err error) {
	var children []arrow.ArrayData
	defer func() {
		if err != nil {
			for _, c := range children {
				c.Release()
			}
		}
	}()
	if len(f.children) != t.NumFields() {
		return nil, fmt.Errorf("%w: a struct with %d children of %d", ErrMalformed, len(f.children),
			t.NumFields())
	}
	for i, sub := range t.Fields() {
		child, err := l.array(sub.Type, f.children[i])
		if err != nil {
			return nil, err
		}
		children = append(children, child)
		if int64(child.Len()) != p.length {
			return nil, fmt.Errorf("%w: field %q has %d values, its struct %d", ErrMalformed, sub.Name,
				child.Len(), p.length)
		}
	}
	return p.data(t, children), nil
}
