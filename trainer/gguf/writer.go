package gguf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// Pair is a key with its value: bool, string, uint32, int32, uint64, float32, or a slice of string,
// int32 or float32. Files have them in the order given.
type Pair struct {
	Key   string
	Value any
}

// Source is a tensor to be written.
type Source struct {
	Name  string
	Shape []int // row-major
	Type  Type
	// Load returns the values, row-major. It is called once, when the tensor's turn comes.
	Load func() ([]float32, error)
}

// Write writes a file. Equal arguments give equal bytes.
func Write(w io.Writer, pairs []Pair, tensors []Source) error {
	head, err := encodeHeader(pairs, tensors)
	if err != nil {
		return fmt.Errorf("gguf: %w", err)
	}
	out := &padder{w: w}
	if err := errors.Join(out.write(head), out.pad()); err != nil {
		return err
	}
	for _, t := range tensors {
		if err := t.write(out); err != nil {
			return fmt.Errorf("gguf: tensor %q: %w", t.Name, err)
		}
	}
	return nil
}

// Bytes returns the stored size of a tensor.
func (t Source) Bytes() (int64, error) {
	n, row := int64(1), int64(1)
	for _, extent := range t.Shape {
		row = int64(extent)
		n *= row
	}
	return t.Type.size(n, row)
}

func encodeHeader(pairs []Pair, tensors []Source) ([]byte, error) {
	out := binary.LittleEndian.AppendUint32([]byte(magic), version)
	out = binary.LittleEndian.AppendUint64(out, uint64(len(tensors)))
	out = binary.LittleEndian.AppendUint64(out, uint64(len(pairs)))
	seen := map[string]bool{}
	for _, p := range pairs {
		if seen[p.Key] {
			return nil, fmt.Errorf("key %q is there twice", p.Key)
		}
		seen[p.Key] = true
		var err error
		if out, err = appendValue(appendString(out, p.Key), p.Value); err != nil {
			return nil, fmt.Errorf("key %q: %w", p.Key, err)
		}
	}
	offset := int64(0)
	clear(seen)
	for _, t := range tensors {
		n, err := t.Bytes()
		if err == nil && seen[t.Name] {
			err = errors.New("the name is taken")
		}
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		seen[t.Name] = true
		out = t.describe(out, offset)
		offset = align(offset+n, defaultAlignment)
	}
	return out, nil
}

func (t Source) describe(out []byte, offset int64) []byte {
	out = binary.LittleEndian.AppendUint32(appendString(out, t.Name), uint32(len(t.Shape)))
	for _, extent := range slices.Backward(t.Shape) {
		out = binary.LittleEndian.AppendUint64(out, uint64(extent))
	}
	out = binary.LittleEndian.AppendUint32(out, uint32(t.Type))
	return binary.LittleEndian.AppendUint64(out, uint64(offset))
}

func appendString(out []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(out, uint64(len(s))), s...)
}

func appendValue(out []byte, value any) ([]byte, error) {
	kind := func(k uint32) []byte { return binary.LittleEndian.AppendUint32(out, k) }
	switch v := value.(type) {
	case bool:
		b := byte(0)
		if v {
			b = 1
		}
		return append(kind(kindBool), b), nil
	case string:
		return appendString(kind(kindString), v), nil
	case uint32:
		return binary.LittleEndian.AppendUint32(kind(kindUint32), v), nil
	case int32:
		return binary.LittleEndian.AppendUint32(kind(kindInt32), uint32(v)), nil
	case uint64:
		return binary.LittleEndian.AppendUint64(kind(kindUint64), v), nil
	case float32:
		return binary.LittleEndian.AppendUint32(kind(kindFloat32), math.Float32bits(v)), nil
	case []string:
		return appendArray(out, kindString, v, appendString), nil
	case []int32:
		return appendArray(out, kindInt32, v, func(out []byte, n int32) []byte {
			return binary.LittleEndian.AppendUint32(out, uint32(n))
		}), nil
	case []float32:
		return appendArray(out, kindFloat32, v, func(out []byte, f float32) []byte {
			return binary.LittleEndian.AppendUint32(out, math.Float32bits(f))
		}), nil
	}
	return nil, fmt.Errorf("cannot write a %T", value)
}

func appendArray[T any](out []byte, kind uint32, values []T, one func([]byte, T) []byte) []byte {
	out = binary.LittleEndian.AppendUint32(out, kindArray)
	out = binary.LittleEndian.AppendUint32(out, kind)
	out = binary.LittleEndian.AppendUint64(out, uint64(len(values)))
	for _, v := range values {
		out = one(out, v)
	}
	return out
}

// padder counts what it writes.
type padder struct {
	w io.Writer
	n int64
}

func (p *padder) write(b []byte) error {
	n, err := p.w.Write(b)
	p.n += int64(n)
	return err
}

// pad writes zeros up to the alignment.
func (p *padder) pad() error {
	return p.write(make([]byte, align(p.n, defaultAlignment)-p.n))
}

func (t Source) write(out *padder) error {
	values, err := t.Load()
	if err != nil {
		return err
	}
	if want := (Tensor{Shape: t.Shape}).Len(); len(values) != want {
		return fmt.Errorf("%d values for shape %v", len(values), t.Shape)
	}
	var buffer []byte
	for part := range slices.Chunk(values, chunk) {
		buffer = encode(buffer[:0], part, t.Type)
		if err := out.write(buffer); err != nil {
			return err
		}
	}
	return out.pad()
}
