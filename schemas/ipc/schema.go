package ipc

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// field is what a schema says about a field beside its Arrow type.
type field struct {
	dictionary int64 // id, or -1
	children   []field
}

// Fields of a schema's and a field's table (format/Schema.fbs).
const (
	schemaFields, schemaPairs                                 = 1, 2
	fieldName, fieldType, fieldDictionary, fieldKids, fieldKV = 0, 3, 4, 5, 6
)

// readSchema checks a schema's structure and lets the library parse it.
func readSchema(m *message) (*arrow.Schema, []field, error) {
	if m.kind != kindSchema {
		return nil, nil, fmt.Errorf("%w: the stream begins with a message of kind %d, not a schema",
			ErrMalformed, m.kind)
	}
	var fields []field
	var schema *arrow.Schema
	err := guard(func() (err error) {
		budget := mostFields
		header := table{m.header}
		if fields, err = walkFields(header, schemaFields, 0, &budget); err != nil {
			return err
		}
		if err := header.checkPairs(schemaPairs); err != nil {
			return err
		}
		one := &oneMessage{ipc.NewMessage(memory.NewBufferBytes(m.meta), memory.NewBufferBytes(nil))}
		r, err := ipc.NewReaderFromMessageReader(one, ipc.WithEnsureNativeEndian(false))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		schema = r.Schema()
		if !schema.IsNativeEndian() {
			return fmt.Errorf("%w: big-endian data, which is not read", ErrMalformed)
		}
		return nil
	})
	return schema, fields, err
}

// walkFields visits the fields of a table's vector, so that neither a cycle of offsets nor a web of
// shared ones reaches the library.
func walkFields(t table, slot, depth int, budget *int) ([]field, error) {
	start, n, err := t.vector(slot, 4)
	if err != nil {
		return nil, err
	}
	if *budget -= int(n); *budget < 0 || depth > mostNesting {
		return nil, fmt.Errorf("%w: more than %d fields, or nested deeper than %d", ErrTooLarge,
			mostFields, mostNesting)
	}
	fields := make([]field, n)
	for i := range n {
		if fields[i], err = walkField(t.element(start, i), depth, budget); err != nil {
			return nil, err
		}
	}
	return fields, nil
}

func walkField(f table, depth int, budget *int) (out field, err error) {
	out.dictionary = -1
	if s := f.slot(fieldName); s != 0 {
		_ = f.ByteVector(s)
	}
	if d, ok := f.child(fieldDictionary); ok {
		out.dictionary = d.int64At(0)
	}
	const union = 14
	if f.byteAt(fieldType-1) == union {
		return out, fmt.Errorf("%w: unions are not read", ErrMalformed)
	}
	if err := f.checkPairs(fieldKV); err != nil {
		return out, err
	}
	out.children, err = walkFields(f, fieldKids, depth+1, budget)
	return out, err
}

// oneMessage hands the library one message.
type oneMessage struct{ m *ipc.Message }

func (o *oneMessage) Message() (*ipc.Message, error) { return o.m, nil }
func (o *oneMessage) Release()                       {}
func (o *oneMessage) Retain()                        {}
