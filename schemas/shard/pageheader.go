package shard

import (
	"encoding/binary"
	"errors"

	"github.com/parquet-go/parquet-go/format"
)

// pageHeader is what a page says of itself: the fields of Parquet's PageHeader, DictionaryPageHeader
// and DataPageHeaderV2 that are needed to decode it.
type pageHeader struct {
	kind                     format.PageType
	uncompressed, compressed int32 // bytes
	values, rows             int32
	encoding                 format.Encoding
	definition, repetition   int32 // bytes of levels
	stored                   bool  // values are not compressed
}

// Types of the Thrift compact protocol.
const (
	thriftStop, thriftTrue, thriftFalse, thriftByte              = 0, 1, 2, 3
	thriftInt16, thriftInt32, thriftInt64, thriftDouble          = 4, 5, 6, 7
	thriftBinary, thriftList, thriftSet, thriftMap, thriftStruct = 8, 9, 10, 11, 12
)

// mostThriftNesting is far above what a page header needs.
const mostThriftNesting = 8

var errThrift = errors.New("not a Thrift structure")

// thriftReader reads the compact protocol from memory. It allocates nothing, whatever lengths claim.
type thriftReader struct {
	data []byte
	err  error
}

func (r *thriftReader) fail() { r.data, r.err = nil, errThrift }

func (r *thriftReader) byte() byte {
	if len(r.data) == 0 {
		r.fail()
		return 0
	}
	b := r.data[0]
	r.data = r.data[1:]
	return b
}

func (r *thriftReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.data)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.data = r.data[n:]
	return v
}

func (r *thriftReader) int32() int32 {
	v := r.uvarint()
	if v > 1<<32-1 {
		r.fail()
		return 0
	}
	return int32(uint32(v)>>1) ^ -int32(v&1)
}

func (r *thriftReader) skipBytes(n uint64) {
	if n > uint64(len(r.data)) {
		r.fail()
		return
	}
	r.data = r.data[n:]
}

// fields calls field for each field of a structure; field reads or skips its value.
func (r *thriftReader) fields(field func(id int, kind byte)) {
	id := 0
	for r.err == nil {
		b := r.byte()
		if b == thriftStop {
			return
		}
		if delta := int(b >> 4); delta > 0 {
			id += delta
		} else {
			id = int(r.int32())
		}
		field(id, b&15)
	}
}

// skip passes over a value.
func (r *thriftReader) skip(kind byte, depth int) {
	if depth > mostThriftNesting {
		r.fail()
		return
	}
	switch kind {
	case thriftTrue, thriftFalse: // the type is the value
	case thriftByte:
		r.skipBytes(1)
	case thriftInt16, thriftInt32, thriftInt64:
		r.uvarint()
	case thriftDouble:
		r.skipBytes(8)
	case thriftBinary:
		r.skipBytes(r.uvarint())
	case thriftStruct:
		r.fields(func(_ int, kind byte) { r.skip(kind, depth+1) })
	default: // page headers have no lists, sets or maps
		r.fail()
	}
}

// number reads an int32 if the field has one.
func (r *thriftReader) number(to *int32, kind byte) {
	if kind != thriftInt32 {
		r.fail()
		return
	}
	*to = r.int32()
}

// readPageHeader reads the header that data begins with and returns what follows.
func readPageHeader(data []byte) (h pageHeader, rest []byte, err error) {
	r := &thriftReader{data: data}
	r.fields(func(id int, kind byte) {
		var n int32
		switch {
		case id == 1:
			r.number(&n, kind)
			h.kind = format.PageType(n)
		case id == 2:
			r.number(&h.uncompressed, kind)
		case id == 3:
			r.number(&h.compressed, kind)
		case id == 7 && kind == thriftStruct:
			r.fields(h.dictionaryField(r))
		case id == 8 && kind == thriftStruct:
			r.fields(h.dataField(r))
		default:
			r.skip(kind, 0)
		}
	})
	return h, r.data, r.err
}

func (h *pageHeader) dictionaryField(r *thriftReader) func(id int, kind byte) {
	return func(id int, kind byte) {
		if id == 1 {
			r.number(&h.values, kind)
			return
		}
		r.skip(kind, 1)
	}
}

func (h *pageHeader) dataField(r *thriftReader) func(id int, kind byte) {
	numbers := map[int]*int32{1: &h.values, 3: &h.rows, 5: &h.definition, 6: &h.repetition}
	return func(id int, kind byte) {
		var n int32
		switch {
		case numbers[id] != nil:
			r.number(numbers[id], kind)
		case id == 4:
			r.number(&n, kind)
			h.encoding = format.Encoding(n)
		case id == 7:
			h.stored = kind == thriftFalse
			r.skip(kind, 1)
		default:
			r.skip(kind, 1)
		}
	}
}
