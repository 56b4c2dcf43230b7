package llamacpp

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"longlora/trainer/gguf"
	"longlora/trainer/hf"
	"longlora/trainer/memfile"
	"longlora/trainer/safetensors"
)

// Suffix is that of GGUF files.
const Suffix = ".gguf"

// IsFile reports whether path names a GGUF file.
func IsFile(path string) bool { return strings.HasSuffix(path, Suffix) }

// Folder shows a GGUF file as a model folder: config.json, and tokenizer.json and
// tokenizer_config.json if it has a tokenizer. It implements hf.Holder.
type Folder struct{ path string }

var _ hf.Holder = Folder{}

// NewFolder returns the folder of a file. Errors of the file come from what is asked of it.
func NewFolder(path string) Folder { return Folder{path} }

func (d Folder) open() (*gguf.File, error) {
	f, err := gguf.Open(os.DirFS(filepath.Dir(d.path)), filepath.Base(d.path))
	if errors.Is(err, fs.ErrNotExist) { // of the file, not of what a folder may lack
		return nil, fmt.Errorf("%s: there is no such file", d.path)
	}
	return f, err
}

// Open implements fs.FS.
func (d Folder) Open(name string) (fs.File, error) {
	data, err := d.content(name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return memfile.Open(name, data), nil
}

func (d Folder) content(name string) (data []byte, err error) {
	switch name {
	case hf.ConfigName, "tokenizer.json", "tokenizer_config.json":
	default:
		return nil, fs.ErrNotExist
	}
	f, err := d.open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if name == hf.ConfigName {
		return configOf(f)
	}
	v, err := readVocabulary(f)
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, fs.ErrNotExist
	}
	tokenizer, config, err := v.files()
	if name == "tokenizer.json" {
		return tokenizer, err
	}
	return config, err
}

// Weights implements hf.Holder.
func (d Folder) Weights() (hf.Weights, error) {
	f, err := d.open()
	if err != nil {
		return nil, err
	}
	data, err := configOf(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	c, err := hf.ParseConfig(data)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	w := &weights{f: f, config: c, of: map[string]string{}}
	for _, t := range f.Tensors() {
		switch t.Name {
		case freqsName, longName, shortName:
			continue
		}
		name := ours(t.Name)
		w.of[name] = t.Name
		w.names = append(w.names, name)
	}
	slices.Sort(w.names)
	return w, nil
}

// weights are the tensors of a file under our names.
type weights struct {
	f      *gguf.File
	config hf.Config
	of     map[string]string
	names  []string
}

func (w *weights) Names() []string { return w.names }
func (w *weights) Close() error    { return w.f.Close() }

// dtypes are the types as this project stores what it read: blocks are written out.
var dtypes = map[gguf.Type]safetensors.DType{
	gguf.F32: safetensors.F32, gguf.F16: safetensors.F16, gguf.BF16: safetensors.BF16,
	gguf.Q8: safetensors.F32,
}

func (w *weights) Info(name string) (safetensors.Info, error) {
	t, err := w.f.Tensor(w.theirs(name))
	if err != nil {
		return safetensors.Info{}, err
	}
	return safetensors.Info{Name: name, DType: dtypes[t.Type], Shape: t.Shape}, nil
}

func (w *weights) theirs(name string) string {
	if stored, ok := w.of[name]; ok {
		return stored
	}
	return name
}

func (w *weights) Floats(name string) ([]float32, []int, error) {
	t, err := w.f.Tensor(w.theirs(name))
	if err != nil {
		return nil, nil, err
	}
	values, err := w.f.Floats(t.Name)
	if err != nil {
		return nil, nil, err
	}
	if heads := turned(name, w.config.Model); heads > 0 && len(t.Shape) == 2 &&
		t.Shape[0] == heads*w.config.Model.HeadDim {
		values = separate(values, heads, t.Shape[1])
	}
	return values, slices.Clone(t.Shape), nil
}
