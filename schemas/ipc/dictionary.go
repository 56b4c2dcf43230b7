package ipc

import (
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// dictionary is what dictionary-encoded fields of one id point into.
type dictionary struct {
	valueType arrow.DataType
	field     field
	values    arrow.Array // nil until its first message
}

func (d *dictionary) release() {
	if d.values != nil {
		d.values.Release()
		d.values = nil
	}
}

// registerDictionaries finds the dictionary-encoded fields of the schema.
func (r *Reader) registerDictionaries() error {
	for i, f := range r.fields {
		if err := r.register(r.schema.Field(i).Type, f); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reader) register(t arrow.DataType, f field) error {
	if x, ok := t.(arrow.ExtensionType); ok {
		t = x.StorageType()
	}
	if err := checkType(t); err != nil {
		return err
	}
	if d, ok := t.(*arrow.DictionaryType); ok {
		t = d.ValueType
		before := r.dictionaries[f.dictionary]
		if f.dictionary < 0 || before != nil && !arrow.TypeEqual(before.valueType, t) {
			return fmt.Errorf("%w: dictionary %d has two types", ErrMalformed, f.dictionary)
		}
		r.dictionaries[f.dictionary] = &dictionary{
			valueType: t, field: field{dictionary: -1, children: f.children},
		}
	}
	nested, ok := t.(arrow.NestedType)
	if !ok {
		return nil
	}
	kids := nested.Fields()
	if len(kids) != len(f.children) {
		return fmt.Errorf("%w: a field with %d children, its type has %d", ErrMalformed,
			len(f.children), len(kids))
	}
	for i, kid := range kids {
		if err := r.register(kid.Type, f.children[i]); err != nil {
			return err
		}
	}
	return nil
}

// checkType refuses parameters of a type that no value of it could be shown with.
func checkType(t arrow.DataType) error {
	if unit, ok := t.(arrow.TemporalWithUnit); ok {
		if u := unit.TimeUnit(); u < arrow.Second || u > arrow.Nanosecond {
			return fmt.Errorf("%w: time unit %d", ErrMalformed, int(u))
		}
	}
	if w, ok := t.(*arrow.FixedSizeBinaryType); ok && w.ByteWidth < 0 {
		return fmt.Errorf("%w: values of %d bytes", ErrMalformed, w.ByteWidth)
	}
	if stamp, ok := t.(*arrow.TimestampType); ok {
		if _, err := stamp.GetToTimeFunc(); err != nil {
			return fmt.Errorf("%w: time zone %.40q: %w", ErrMalformed, stamp.TimeZone, err)
		}
	}
	return nil
}

// Fields of a dictionary batch's table.
const dictionaryID, dictionaryData, dictionaryDelta = 0, 1, 2

func (r *Reader) readDictionary(m *message) error {
	header := table{m.header}
	id := header.int64At(dictionaryID)
	d := r.dictionaries[id]
	batch, ok := header.child(dictionaryData)
	if d == nil || !ok {
		return fmt.Errorf("%w: a dictionary %d that no field has", ErrMalformed, id)
	}
	l, err := r.newLoader(batch, m.body)
	if err != nil {
		return err
	}
	defer l.release()
	values, err := l.column(d.valueType, d.field, batch.int64At(batchLength))
	if err != nil {
		return fmt.Errorf("dictionary %d: %w", id, err)
	}
	if header.byteAt(dictionaryDelta) != 0 && d.values != nil {
		joined, err := array.Concatenate([]arrow.Array{d.values, values}, r.o.Allocator)
		values.Release()
		if err != nil {
			return fmt.Errorf("%w: dictionary %d: %w", ErrMalformed, id, err)
		}
		values = joined
	}
	d.release()
	d.values = values
	return nil
}

func (l *loader) dictionaryArray(t *arrow.DictionaryType, f field, p part) (*array.Data, error) {
	width, ok := t.IndexType.(arrow.FixedWidthDataType)
	if !ok {
		return nil, fmt.Errorf("%w: dictionary indices of type %v", ErrMalformed, t.IndexType)
	}
	b, err := l.buffer(p.length * int64(width.BitWidth()/8))
	if err != nil {
		return nil, err
	}
	d := l.r.dictionaries[f.dictionary]
	if d == nil || d.values == nil {
		return nil, fmt.Errorf("%w: dictionary %d did not come before its first use", ErrMalformed,
			f.dictionary)
	}
	indices := p.data(t.IndexType, nil, b)
	defer indices.Release()
	if err := checkIndices(indices, d.values.Len()); err != nil {
		return nil, err
	}
	return array.NewDataWithDictionary(t, int(p.length), indices.Buffers(), int(p.nulls), 0,
		d.values.Data().(*array.Data)), nil
}

// checkIndices requires that the indices that are not null lie in a dictionary of n values.
func checkIndices(data *array.Data, n int) error {
	a := array.MakeFromData(data)
	defer a.Release()
	at, err := indexer(a)
	if err != nil {
		return err
	}
	for i := range a.Len() {
		if a.IsNull(i) {
			continue
		}
		if v := at(i); v < 0 || v >= int64(n) {
			return fmt.Errorf("%w: index %d into a dictionary of %d", ErrMalformed, v, n)
		}
	}
	return nil
}

func indexer(a arrow.Array) (func(i int) int64, error) {
	switch a := a.(type) {
	case *array.Int8:
		return func(i int) int64 { return int64(a.Value(i)) }, nil
	case *array.Int16:
		return func(i int) int64 { return int64(a.Value(i)) }, nil
	case *array.Int32:
		return func(i int) int64 { return int64(a.Value(i)) }, nil
	case *array.Int64:
		return func(i int) int64 { return a.Value(i) }, nil
	case *array.Uint8:
		return func(i int) int64 { return int64(a.Value(i)) }, nil
	case *array.Uint16:
		return func(i int) int64 { return int64(a.Value(i)) }, nil
	case *array.Uint32:
		return func(i int) int64 { return int64(a.Value(i)) }, nil
	}
	return nil, errors.Join(ErrMalformed, fmt.Errorf("dictionary indices of type %v", a.DataType()))
}
