package gguf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// The numbers of the types of values in files.
const (
	kindUint8 uint32 = iota
	kindInt8
	kindUint16
	kindInt16
	kindUint32
	kindInt32
	kindFloat32
	kindBool
	kindString
	kindArray
	kindUint64
	kindInt64
	kindFloat64
)

// widths are the bytes of the kinds that have a fixed size.
var widths = map[uint32]int64{
	kindUint8: 1, kindInt8: 1, kindUint16: 2, kindInt16: 2, kindUint32: 4, kindInt32: 4,
	kindFloat32: 4, kindBool: 1, kindUint64: 8, kindInt64: 8, kindFloat64: 8,
}

// reader reads the part of a file before its data and never more than is left of it.
type reader struct {
	r    io.Reader
	left int64
	read int64
}

var errCut = errors.New("the file ends within its header: cut off, or no GGUF file; fetch it again")

func (r *reader) bytes(n int64) ([]byte, error) {
	if n < 0 || n > r.left {
		return nil, errCut
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r.r, b); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	r.left -= n
	r.read += n
	return b, nil
}

func (r *reader) uint32() (uint32, error) {
	b, err := r.bytes(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

// count reads a number of things that take at least size bytes each.
func (r *reader) count(size int64) (int64, error) {
	b, err := r.bytes(8)
	if err != nil {
		return 0, err
	}
	n := binary.LittleEndian.Uint64(b)
	if n > uint64(r.left/size) {
		return 0, fmt.Errorf("a number of %d, but only %d bytes are left of the header: %w", n, r.left,
			errCut)
	}
	return int64(n), nil
}

func (r *reader) string() (string, error) {
	n, err := r.count(1)
	if err != nil {
		return "", err
	}
	b, err := r.bytes(n)
	return string(b), err
}

// value reads a value: bool, string, uint64, int64, float64, or an array as []bool, []string,
// []uint64, []int64 or []float64.
func (r *reader) value() (any, error) {
	kind, err := r.uint32()
	if err != nil {
		return nil, err
	}
	if kind != kindArray {
		return r.scalar(kind)
	}
	if kind, err = r.uint32(); err != nil {
		return nil, err
	}
	size := widths[kind]
	if kind == kindString {
		size = 8
	}
	if size == 0 {
		return nil, fmt.Errorf("arrays of type %d are not supported", kind)
	}
	n, err := r.count(size)
	if err != nil {
		return nil, err
	}
	return r.array(kind, int(n))
}

func (r *reader) scalar(kind uint32) (any, error) {
	if kind == kindString {
		return r.string()
	}
	n, ok := widths[kind]
	if !ok {
		return nil, fmt.Errorf("unknown type %d of a value", kind)
	}
	b, err := r.bytes(n)
	if err != nil {
		return nil, err
	}
	return number(kind, b)
}

func (r *reader) array(kind uint32, n int) (any, error) {
	switch kind {
	case kindString:
		return collect[string](r, kind, n)
	case kindBool:
		return collect[bool](r, kind, n)
	case kindFloat32, kindFloat64:
		return collect[float64](r, kind, n)
	case kindInt8, kindInt16, kindInt32, kindInt64:
		return collect[int64](r, kind, n)
	}
	return collect[uint64](r, kind, n)
}

func collect[T any](r *reader, kind uint32, n int) ([]T, error) {
	all := make([]T, 0, n)
	for range n {
		v, err := r.scalar(kind)
		if err != nil {
			return nil, err
		}
		all = append(all, v.(T)) // scalar gives the type of the kind
	}
	return all, nil
}

// number converts the bytes of a value of fixed size.
func number(kind uint32, b []byte) (any, error) {
	var u uint64
	for i, x := range b {
		u |= uint64(x) << (8 * i)
	}
	shift := 64 - 8*len(b)
	switch kind {
	case kindBool:
		if u > 1 {
			return nil, fmt.Errorf("a truth value is %d", u)
		}
		return u == 1, nil
	case kindInt8, kindInt16, kindInt32, kindInt64:
		return int64(u<<shift) >> shift, nil
	case kindFloat32:
		return float64(math.Float32frombits(uint32(u))), nil
	case kindFloat64:
		return math.Float64frombits(u), nil
	}
	return u, nil
}
