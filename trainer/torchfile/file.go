package torchfile

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"

	"longlora/trainer/safetensors"
)

const (
	// maxPickle is the greatest size of a pickle in bytes: a thousand tensors take some 200 KB.
	maxPickle = 1 << 26
	// pickleName is the pickle's name within the archive's folder.
	pickleName = "data.pkl"
)

// File is an open checkpoint: a dictionary of tensors.
type File struct {
	name    string
	r       io.ReaderAt
	size    int64
	closer  io.Closer
	entries map[string]*zip.File
	tensors []safetensors.Info
	of      map[string]tensor
}

// Open opens the checkpoint name of fsys. What is not a tensor, nor a number or a text beside them,
// is an error.
func Open(fsys fs.FS, name string) (*File, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	c := &File{name: name, closer: f, entries: map[string]*zip.File{}, of: map[string]tensor{}}
	if err := c.open(f); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
	}
	return c, nil
}

func (f *File) open(file fs.File) error {
	r, size, err := safetensors.ReaderAt(file)
	if err != nil {
		return err
	}
	f.r, f.size = r, size
	return f.read()
}

func (f *File) read() error {
	archive, err := zip.NewReader(f.r, f.size)
	if err != nil {
		return fmt.Errorf("%w: cut off, or not written by torch.save of PyTorch 1.6 or later; save it "+
			"again, or as safetensors", err)
	}
	for _, e := range archive.File {
		_, inside, ok := strings.Cut(e.Name, "/")
		if !ok || f.entries[inside] != nil {
			return fmt.Errorf("entry %q is not in the archive's one folder, or there twice", e.Name)
		}
		if e.Method != zip.Store || e.CompressedSize64 != e.UncompressedSize64 {
			return fmt.Errorf("entry %q is compressed: torch.save compresses nothing", e.Name)
		}
		f.entries[inside] = e
	}
	if err := f.checkOrder(); err != nil {
		return err
	}
	code, err := f.content(pickleName, maxPickle)
	if err != nil {
		return err
	}
	value, err := run(code)
	if err != nil {
		return err
	}
	return f.collect(value)
}

// checkOrder refuses files of big-endian machines.
func (f *File) checkOrder() error {
	if f.entries["byteorder"] == nil {
		return nil
	}
	order, err := f.content("byteorder", 16)
	if err == nil && string(order) != "little" {
		err = fmt.Errorf("its byte order is %q; save it on a little-endian machine", order)
	}
	return err
}

// place returns where an entry's bytes are.
func (f *File) place(name string) (offset, size int64, err error) {
	e := f.entries[name]
	if e == nil {
		return 0, 0, fmt.Errorf("the archive holds no %s: this is no checkpoint of torch.save", name)
	}
	if offset, err = e.DataOffset(); err != nil {
		return 0, 0, fmt.Errorf("entry %s: %w", name, err)
	}
	if offset > f.size || e.UncompressedSize64 > uint64(f.size-offset) {
		return 0, 0, fmt.Errorf("entry %s: %d bytes from byte %d on are not in the file: cut off", name,
			e.UncompressedSize64, offset)
	}
	return offset, int64(e.UncompressedSize64), nil
}

func (f *File) content(name string, limit int64) ([]byte, error) {
	offset, size, err := f.place(name)
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, fmt.Errorf("%s has %d bytes, the limit is %d", name, size, limit)
	}
	data, err := io.ReadAll(io.NewSectionReader(f.r, offset, size))
	if err == nil && int64(len(data)) != size {
		err = fmt.Errorf("%s is cut off", name)
	}
	return data, err
}

// collect takes the tensors out of the pickle's value.
func (f *File) collect(value any) error {
	d, ok := value.(*dict)
	if !ok {
		return fmt.Errorf("it holds a %T, want a dictionary of tensors (a state_dict)", value)
	}
	for _, key := range d.keys {
		name, ok := key.(string)
		t, isTensor := d.values[key].(tensor)
		if !ok || !isTensor {
			return fmt.Errorf("key %v holds a %T, want tensors alone: save the model's state_dict, not "+
				"the training's", key, d.values[key])
		}
		if err := f.add(name, t); err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
	}
	slices.SortFunc(f.tensors, func(a, b safetensors.Info) int {
		return strings.Compare(a.Name, b.Name)
	})
	return nil
}

func (f *File) add(name string, t tensor) error {
	_, size, err := f.place(path.Join("data", t.storage.key))
	if err != nil {
		return err
	}
	if want := t.storage.dtype.Bits() / 8; t.storage.n > math.MaxInt64/8 || size != t.storage.n*want {
		return fmt.Errorf("its storage has %d bytes, want %d elements of %s", size, t.storage.n,
			t.storage.dtype)
	}
	info := safetensors.Info{Name: name, DType: t.storage.dtype, Shape: []int{}}
	for _, extent := range t.shape {
		info.Shape = append(info.Shape, int(extent))
	}
	f.of[name] = t
	f.tensors = append(f.tensors, info)
	return nil
}

// Close closes the file.
func (f *File) Close() error { return f.closer.Close() }

// Tensors lists the tensors in order of name; the caller must not change the list.
func (f *File) Tensors() []safetensors.Info { return f.tensors }

// Info describes the tensor name.
func (f *File) Info(name string) (safetensors.Info, error) {
	for _, t := range f.tensors {
		if t.Name == name {
			return t, nil
		}
	}
	return safetensors.Info{}, fmt.Errorf("%s: %w %q", f.name, safetensors.ErrMissing, name)
}

// Floats returns the values of the tensor name, row-major, and its shape. F64 is rounded.
func (f *File) Floats(name string) ([]float32, []int, error) {
	info, err := f.Info(name)
	if err != nil {
		return nil, nil, err
	}
	values, err := f.floats(f.of[name])
	if err != nil {
		return nil, nil, fmt.Errorf("%s: tensor %q: %w", f.name, name, err)
	}
	return values, slices.Clone(info.Shape), nil
}

func (f *File) floats(t tensor) ([]float32, error) {
	offset, _, err := f.place(path.Join("data", t.storage.key))
	if err != nil {
		return nil, err
	}
	first, n := t.offset, t.storage.n-t.offset
	if t.dense() {
		n = 1
		for _, extent := range t.shape {
			n *= extent
		}
	}
	width := t.storage.dtype.Bits() / 8
	raw := make([]byte, n*width)
	if got, err := f.r.ReadAt(raw, offset+first*width); got < len(raw) {
		return nil, err
	}
	values, err := convert(raw, t.storage.dtype)
	if err != nil || t.dense() {
		return values, err
	}
	return t.gather(values), nil
}

func convert(raw []byte, d safetensors.DType) ([]float32, error) {
	n := int64(len(raw)) * 8 / d.Bits()
	values := make([]float32, n)
	switch d {
	case safetensors.F32, safetensors.F16, safetensors.BF16:
		safetensors.Decode(values, raw, d)
	case "F64":
		for i := range values {
			values[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:])))
		}
	default:
		return nil, fmt.Errorf("it is %s; only floating-point tensors can be read", d)
	}
	return values, nil
}
