package torchfile

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"longlora/trainer/safetensors"
)

// The names that weights have in a model folder.
const (
	SingleName = "pytorch_model.bin"
	IndexName  = "pytorch_model.bin.index.json"
)

// Folder is the tensors of a model folder, be they in one file or in several with an index.
type Folder struct {
	files []*File
	of    map[string]*File
	names []string
}

// OpenFolder opens SingleName in fsys or, if it is absent, the files that IndexName lists. If
// neither is there the error is safetensors.ErrNoWeights.
func OpenFolder(fsys fs.FS) (*Folder, error) {
	f, err := Open(fsys, SingleName)
	if err == nil {
		return newFolder([]*File{f})
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	index, err := fs.ReadFile(fsys, IndexName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: neither %s nor %s is there", safetensors.ErrNoWeights, SingleName,
			IndexName)
	}
	if err != nil {
		return nil, err
	}
	return openIndexed(fsys, index)
}

func openIndexed(fsys fs.FS, index []byte) (*Folder, error) {
	weights, err := safetensors.ParseIndex(index, ".bin")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", IndexName, err)
	}
	d := &Folder{}
	for _, name := range safetensors.FileNames(weights) {
		f, err := Open(fsys, name)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", IndexName, err), d.Close())
		}
		d.files = append(d.files, f)
	}
	if d, err = newFolder(d.files); err != nil {
		return nil, fmt.Errorf("%s: %w", IndexName, err)
	}
	for tensor, name := range weights {
		if f := d.of[tensor]; f == nil || f.name != name {
			return nil, errors.Join(fmt.Errorf("%s: tensor %q is not in %s, where the index has it",
				IndexName, tensor, name), d.Close())
		}
	}
	return d, nil
}

func newFolder(files []*File) (*Folder, error) {
	d := &Folder{files: files, of: map[string]*File{}}
	for _, f := range files {
		for _, t := range f.Tensors() {
			if d.of[t.Name] != nil {
				return nil, errors.Join(fmt.Errorf("tensor %q is in two files", t.Name), d.Close())
			}
			d.of[t.Name] = f
			d.names = append(d.names, t.Name)
		}
	}
	slices.Sort(d.names)
	return d, nil
}

// Names lists all tensors in order; the caller must not change the list.
func (d *Folder) Names() []string { return d.names }

// Info describes the tensor name.
func (d *Folder) Info(name string) (safetensors.Info, error) {
	f, err := d.file(name)
	if err != nil {
		return safetensors.Info{}, err
	}
	return f.Info(name)
}

// Floats is File.Floats.
func (d *Folder) Floats(name string) ([]float32, []int, error) {
	f, err := d.file(name)
	if err != nil {
		return nil, nil, err
	}
	return f.Floats(name)
}

func (d *Folder) file(name string) (*File, error) {
	if f := d.of[name]; f != nil {
		return f, nil
	}
	return nil, fmt.Errorf("%w %q in %s", safetensors.ErrMissing, name, d.files[0].name)
}

// Close closes all files.
func (d *Folder) Close() error {
	var errs []error
	for _, f := range d.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
