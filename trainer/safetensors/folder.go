package safetensors

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"
)

// The names that weights have in a model folder.
const (
	SingleName = "model.safetensors"
	IndexName  = "model.safetensors.index.json"
)

// ErrNoWeights reports a folder without weights in safetensors.
var ErrNoWeights = errors.New("no weights")

// Folder is the tensors of a model folder, be they in one file or in several with an index.
type Folder struct {
	files []*File
	of    map[string]*File
	names []string
}

// OpenFolder opens SingleName in fsys or, if it is absent, the files that IndexName lists.
func OpenFolder(fsys fs.FS) (*Folder, error) {
	f, err := Open(fsys, SingleName)
	if err == nil {
		return newFolder([]*File{f}), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	index, err := fs.ReadFile(fsys, IndexName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: neither %s nor %s is there; convert other formats to "+
			"safetensors first", ErrNoWeights, SingleName, IndexName)
	}
	if err != nil {
		return nil, err
	}
	return openIndexed(fsys, index)
}

func newFolder(files []*File) *Folder {
	d := &Folder{files: files, of: map[string]*File{}}
	for _, f := range files {
		for _, t := range f.Tensors() {
			d.of[t.Name] = f
			d.names = append(d.names, t.Name)
		}
	}
	sort.Strings(d.names)
	return d
}

// openIndexed opens all files of an index and checks that it and they agree.
func openIndexed(fsys fs.FS, index []byte) (*Folder, error) {
	weights, err := ParseIndex(index, ".safetensors")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", IndexName, err)
	}
	var files []*File
	for _, name := range FileNames(weights) {
		f, err := Open(fsys, name)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", IndexName, err), closeAll(files))
		}
		files = append(files, f)
	}
	d := newFolder(files)
	if err := d.agree(weights); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", IndexName, err), d.Close())
	}
	return d, nil
}

// ParseIndex returns the file of each tensor that an index names; the names of all files end with
// suffix, and none leads out of the folder.
func ParseIndex(index []byte, suffix string) (map[string]string, error) {
	var parsed struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(index, &parsed); err != nil {
		return nil, err
	}
	if len(parsed.WeightMap) == 0 {
		return nil, errors.New("weight_map is missing or empty")
	}
	for tensor, name := range parsed.WeightMap {
		if name != path.Base(name) || !strings.HasSuffix(name, suffix) {
			return nil, fmt.Errorf("tensor %q is in %q, which is no %s file of the folder",
				tensor, name, strings.TrimPrefix(suffix, "."))
		}
	}
	return parsed.WeightMap, nil
}

// FileNames lists the files of an index in order.
func FileNames(weights map[string]string) []string {
	seen := map[string]bool{}
	var names []string
	for _, name := range weights {
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

func (d *Folder) agree(weights map[string]string) error {
	total := 0
	for _, f := range d.files {
		total += len(f.Tensors())
	}
	if total != len(d.of) {
		return errors.New("a tensor is in two files")
	}
	for _, tensor := range sortedKeys(weights) {
		f := d.of[tensor]
		if f == nil || f.name != weights[tensor] {
			return fmt.Errorf("tensor %q is not in %s, where the index has it", tensor, weights[tensor])
		}
	}
	return nil
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func closeAll(files []*File) error {
	var errs []error
	for _, f := range files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// Close closes all files.
func (d *Folder) Close() error { return closeAll(d.files) }

// Names lists all tensors in order; the caller must not change the list.
func (d *Folder) Names() []string { return d.names }

// Info describes the tensor name.
func (d *Folder) Info(name string) (Info, error) {
	f, err := d.file(name)
	if err != nil {
		return Info{}, err
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
	return nil, fmt.Errorf("%w %q in %s", ErrMissing, name, d.files[0].name)
}

// Metadata returns the strings of the first file's header; the caller must not change them.
func (d *Folder) Metadata() map[string]string { return d.files[0].Metadata() }

// Raw is File.Raw.
func (d *Folder) Raw(name string) ([]byte, error) {
	f, err := d.file(name)
	if err != nil {
		return nil, err
	}
	return f.Raw(name)
}
