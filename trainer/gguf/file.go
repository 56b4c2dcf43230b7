package gguf

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"

	"longlora/trainer/safetensors"
)

// MaxHeader is the greatest size of what stands before the data, in bytes.
const MaxHeader = 1 << 28

const (
	magic            = "GGUF"
	version          = 3
	alignmentKey     = "general.alignment"
	defaultAlignment = 32
	maxDimensions    = 4
)

// ErrMissing reports a tensor or a key that is not there.
var ErrMissing = errors.New("is missing")

// Tensor describes a tensor of a file.
type Tensor struct {
	Name string
	Type Type
	// Shape is row-major: the extent that varies fastest comes last (files have it first).
	Shape []int
	// begin counts bytes from the start of the file; size is 0 for a type that is not supported.
	begin, size int64
}

// Len returns the number of elements.
func (t Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Bytes returns the stored size, 0 if the type is not supported.
func (t Tensor) Bytes() int64 { return t.size }

// File is an open GGUF file.
type File struct {
	name    string
	r       io.ReaderAt
	closer  io.Closer
	values  map[string]any
	keys    []string
	tensors []Tensor
	of      map[string]int
}

// Open opens the file name of fsys and checks what stands before its data, and that the data is
// there.
func Open(fsys fs.FS, name string) (*File, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	g := &File{name: name, closer: f, values: map[string]any{}, of: map[string]int{}}
	if err := g.open(f); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
	}
	return g, nil
}

func (f *File) open(file fs.File) error {
	r, size, err := safetensors.ReaderAt(file)
	if err != nil {
		return err
	}
	f.r = r
	return f.parse(r, size)
}

func (f *File) parse(from io.ReaderAt, size int64) error {
	limit := min(size, MaxHeader)
	r := &reader{r: bufio.NewReaderSize(io.NewSectionReader(from, 0, limit), 1<<16), left: limit}
	start, err := r.bytes(4)
	if err != nil || string(start) != magic {
		return errors.New("does not begin with GGUF: this is no GGUF file")
	}
	v, err := r.uint32()
	if err != nil {
		return err
	}
	if v != 2 && v != version {
		return fmt.Errorf("version %d, this build reads 2 and 3; convert the file with a newer llama.cpp",
			v)
	}
	tensors, err := r.count(8 + 4 + 8 + 4 + 8)
	if err != nil {
		return err
	}
	keys, err := r.count(8 + 4 + 1)
	if err != nil {
		return err
	}
	if err := f.readValues(r, keys); err != nil {
		return err
	}
	if err := f.readTensors(r, tensors); err != nil {
		return err
	}
	return f.place(r.read, size)
}

func (f *File) readValues(r *reader, n int64) error {
	for range n {
		key, err := r.string()
		if err != nil {
			return err
		}
		if _, ok := f.values[key]; ok {
			return fmt.Errorf("key %q is there twice", key)
		}
		value, err := r.value()
		if err != nil {
			return fmt.Errorf("key %q: %w", key, err)
		}
		f.values[key] = value
		f.keys = append(f.keys, key)
	}
	return nil
}

func (f *File) readTensors(r *reader, n int64) error {
	for range n {
		t, err := readTensor(r)
		if err != nil {
			return err
		}
		if _, ok := f.of[t.Name]; ok {
			return fmt.Errorf("tensor %q is there twice", t.Name)
		}
		f.of[t.Name] = len(f.tensors)
		f.tensors = append(f.tensors, t)
	}
	return nil
}

func readTensor(r *reader) (Tensor, error) {
	name, err := r.string()
	if err != nil {
		return Tensor{}, err
	}
	t := Tensor{Name: name}
	if err := t.read(r); err != nil {
		return Tensor{}, fmt.Errorf("tensor %q: %w", name, err)
	}
	return t, nil
}

func (t *Tensor) read(r *reader) error {
	n, err := r.uint32()
	if err != nil {
		return err
	}
	if n > maxDimensions {
		return fmt.Errorf("%d dimensions, want at most %d", n, maxDimensions)
	}
	elements, row := int64(1), int64(1)
	for i := range n {
		b, err := r.bytes(8)
		if err != nil {
			return err
		}
		extent, err := number(kindInt64, b)
		if err != nil {
			return err
		}
		d := extent.(int64) // number gives int64 for the kind
		if d < 0 || d > 0 && elements > math.MaxInt64/64/d {
			return fmt.Errorf("an extent of %d is impossible", d)
		}
		if i == 0 {
			row = d
		}
		elements *= d
		t.Shape = append(t.Shape, int(d))
	}
	slices.Reverse(t.Shape)
	return t.readPlace(r, elements, row)
}

func (t *Tensor) readPlace(r *reader, elements, row int64) error {
	kind, err := r.uint32()
	if err != nil {
		return err
	}
	t.Type = Type(kind)
	if _, ok := types[t.Type]; ok {
		if t.size, err = t.Type.size(elements, row); err != nil {
			return err
		}
	}
	b, err := r.bytes(8)
	if err != nil {
		return err
	}
	offset, err := number(kindInt64, b)
	if err != nil {
		return err
	}
	t.begin = offset.(int64) // number gives int64 for the kind
	return nil
}

// place moves the tensors' offsets to the file's start and checks that each lies in the file, at a
// multiple of the alignment and apart from the others.
func (f *File) place(header, size int64) error {
	alignment := int64(defaultAlignment)
	if v, ok := f.values[alignmentKey]; ok {
		u, ok := v.(uint64)
		if !ok || u == 0 || u > 1<<20 || u&(u-1) != 0 {
			return fmt.Errorf("%s is %v, want a power of two up to 1048576", alignmentKey, v)
		}
		alignment = int64(u)
	}
	data := align(header, alignment)
	order := make([]*Tensor, len(f.tensors))
	for i := range f.tensors {
		order[i] = &f.tensors[i]
	}
	slices.SortStableFunc(order, func(a, b *Tensor) int {
		return compare(a.begin, b.begin)
	})
	end := int64(0)
	for _, t := range order {
		if t.begin < end || t.begin%alignment != 0 {
			return fmt.Errorf("tensor %q begins at byte %d of the data, the one before ends at %d, the "+
				"alignment is %d", t.Name, t.begin, end, alignment)
		}
		if t.begin > size-data || t.size > size-data-t.begin {
			return fmt.Errorf("tensor %q has %d bytes from byte %d of the data on, the file has %d: cut "+
				"off; fetch it again", t.Name, t.size, t.begin, size-data)
		}
		end = t.begin + t.size
		t.begin += data
	}
	return nil
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func align(n, alignment int64) int64 { return (n + alignment - 1) / alignment * alignment }

// Close closes the file.
func (f *File) Close() error { return f.closer.Close() }

// Keys lists the keys in the file's order; the caller must not change the list.
func (f *File) Keys() []string { return f.keys }

// Tensors lists the tensors in the file's order; the caller must not change the list.
func (f *File) Tensors() []Tensor { return f.tensors }

// Tensor describes the tensor name.
func (f *File) Tensor(name string) (Tensor, error) {
	i, ok := f.of[name]
	if !ok {
		return Tensor{}, fmt.Errorf("%s: tensor %q %w", f.name, name, ErrMissing)
	}
	return f.tensors[i], nil
}

// chunk is how many elements are converted at a time: whole blocks of every type.
const chunk = 1 << 18

// Floats returns the values of the tensor name, row-major.
func (f *File) Floats(name string) ([]float32, error) {
	t, err := f.Tensor(name)
	if err != nil {
		return nil, err
	}
	known, ok := types[t.Type]
	if !ok {
		return nil, fmt.Errorf("%s: tensor %q is %v; only F32, F16, BF16 and Q8_0 can be read: convert "+
			"the file with llama-quantize", f.name, name, t.Type)
	}
	out := make([]float32, t.Len())
	for at := 0; at < len(out); at += chunk {
		part := out[at:min(at+chunk, len(out))]
		raw := make([]byte, int64(len(part))/known.elements*known.bytes)
		offset := t.begin + int64(at)/known.elements*known.bytes
		if n, err := f.r.ReadAt(raw, offset); n < len(raw) {
			return nil, fmt.Errorf("%s: tensor %q: %w", f.name, name, err)
		}
		decode(part, raw, t.Type)
	}
	return out, nil
}

// Value returns the value of a key: bool, string, uint64, int64, float64, or a slice of one of
// them; nil if the key is absent.
func (f *File) Value(key string) any { return f.values[key] }

// Get sets dst, a pointer to a string, bool, int, float64 or a slice of string, int or float64, to
// the value of a key. It reports whether the key is there. A value of another kind, or a number
// that does not fit, is an error.
func (f *File) Get(key string, dst any) (bool, error) {
	v, ok := f.values[key]
	if !ok {
		return false, nil
	}
	if !assign(dst, v) {
		return false, fmt.Errorf("%s: key %q has a value of type %T, want %T", f.name, key, v, dst)
	}
	return true, nil
}

func assign(dst, v any) bool {
	switch d := dst.(type) {
	case *string:
		return set(d, v)
	case *bool:
		return set(d, v)
	case *[]string:
		return set(d, v)
	case *[]float64:
		return set(d, v)
	case *float64:
		return set(d, v)
	case *int:
		n, ok := integer(v)
		*d = n
		return ok
	case *[]int:
		return integers(d, v)
	}
	panic(fmt.Sprintf("gguf: Get into a %T", dst))
}

func set[T any](dst *T, v any) bool {
	x, ok := v.(T)
	if ok {
		*dst = x
	}
	return ok
}

func integer(v any) (int, bool) {
	switch n := v.(type) {
	case uint64:
		return int(n), n <= math.MaxInt
	case int64:
		return int(n), true
	}
	return 0, false
}

func integers(dst *[]int, v any) bool {
	switch all := v.(type) {
	case []uint64:
		for _, n := range all {
			if n > math.MaxInt {
				return false
			}
			*dst = append(*dst, int(n))
		}
	case []int64:
		for _, n := range all {
			*dst = append(*dst, int(n))
		}
	default:
		return false
	}
	return true
}
