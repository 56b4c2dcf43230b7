package safetensors

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sort"
)

// ErrMissing reports a tensor that is not there.
var ErrMissing = errors.New("no such tensor")

// File is an open safetensors file.
type File struct {
	name   string
	r      io.ReaderAt
	closer io.Closer
	header header
}

// Open opens the file name of fsys and checks its header against its size.
func Open(fsys fs.FS, name string) (*File, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	opened, err := newFile(f, name)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
	}
	return opened, nil
}

func newFile(f fs.File, name string) (*File, error) {
	r, size, err := ReaderAt(f)
	if err != nil {
		return nil, err
	}
	h, err := readHeader(r, size)
	if err != nil {
		return nil, err
	}
	return &File{name: name, r: r, closer: f, header: h}, nil
}

// ReaderAt returns f's own reader by position, or one over its content if it has none.
func ReaderAt(f fs.File) (io.ReaderAt, int64, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if r, ok := f.(io.ReaderAt); ok {
		return r, info.Size(), nil
	}
	data, err := io.ReadAll(f)
	return bytes.NewReader(data), int64(len(data)), err
}

// Close closes the file.
func (f *File) Close() error { return f.closer.Close() }

// Metadata returns the header's strings; the caller must not change it.
func (f *File) Metadata() map[string]string { return f.header.metadata }

// Tensors lists the tensors in order of name; the caller must not change the list.
func (f *File) Tensors() []Info { return f.header.tensors }

// Info describes the tensor name.
func (f *File) Info(name string) (Info, error) {
	ts := f.header.tensors
	i := sort.Search(len(ts), func(i int) bool { return ts[i].Name >= name })
	if i == len(ts) || ts[i].Name != name {
		return Info{}, fmt.Errorf("%s: %w %q", f.name, ErrMissing, name)
	}
	return ts[i], nil
}

// Raw returns the stored bytes of the tensor name.
func (f *File) Raw(name string) ([]byte, error) {
	info, err := f.Info(name)
	if err != nil {
		return nil, err
	}
	raw := make([]byte, info.Bytes())
	if err := f.readAt(raw, info, 0); err != nil {
		return nil, err
	}
	return raw, nil
}

// Floats returns the values of the tensor name, which must be F32, BF16 or F16, and its shape.
func (f *File) Floats(name string) ([]float32, []int, error) {
	info, err := f.Info(name)
	if err != nil {
		return nil, nil, err
	}
	if !info.DType.converts() {
		return nil, nil, fmt.Errorf("%s: tensor %q is %s; only F32, BF16 and F16 can be read: "+
			"convert it", f.name, name, info.DType)
	}
	dst := make([]float32, info.Len())
	if err := f.readFloats(dst, info); err != nil {
		return nil, nil, err
	}
	return dst, slices.Clone(info.Shape), nil
}

// chunk is how many elements are converted at a time.
const chunk = 1 << 18

func (f *File) readFloats(dst []float32, info Info) error {
	width := int(info.DType.Bits() / 8)
	buffer := make([]byte, min(len(dst), chunk)*width)
	for at := 0; at < len(dst); at += chunk {
		part := dst[at:min(at+chunk, len(dst))]
		raw := buffer[:len(part)*width]
		if err := f.readAt(raw, info, int64(at)*int64(width)); err != nil {
			return err
		}
		Decode(part, raw, info.DType)
	}
	return nil
}

// readAt fills p from offset bytes into the tensor.
func (f *File) readAt(p []byte, info Info, offset int64) error {
	n, err := f.r.ReadAt(p, info.begin+offset)
	if n == len(p) {
		return nil
	}
	return fmt.Errorf("%s: tensor %q: %w", f.name, info.Name, err)
}

// CheckFinite returns an error that names the first NaN or infinity among the values of the tensor
// name.
func CheckFinite(name string, values []float32) error {
	for i, v := range values {
		if v-v != 0 {
			return fmt.Errorf("tensor %q: element %d is %v; the file is damaged or its training "+
				"diverged, use another", name, i, float64(v))
		}
	}
	return nil
}
