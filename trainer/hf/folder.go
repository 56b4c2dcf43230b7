package hf

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"longlora/trainer/family"
	"longlora/trainer/model"
	"longlora/trainer/safetensors"
)

// Folder is an open model folder. It may be used concurrently.
type Folder struct {
	// Name is what the folder is called in errors: usually its path.
	Name   string
	Config Config
	// Notes is the folder's longlora.json, zero if it has none.
	Notes Notes

	fsys    fs.FS
	weights Weights
	// alias is the stored name of a tied embedding's other name.
	alias map[string]string
	// rows is the number of tokens that are stored; Grow leaves it behind Config.Model.Vocab.
	rows int
}

// Open opens the model folder fsys. It checks config.json, and that the weights are those of such a
// model: each tensor there, with its shape and a storage type that can be read, and no others.
func Open(fsys fs.FS, name string) (*Folder, error) {
	f := &Folder{Name: name, fsys: fsys, alias: map[string]string{}}
	if err := f.open(); err != nil {
		if f.weights != nil {
			err = errors.Join(err, f.weights.Close())
		}
		return nil, fmt.Errorf("model %s: %w", name, err)
	}
	return f, nil
}

func (f *Folder) open() error {
	data, err := fs.ReadFile(f.fsys, ConfigName)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no %s: this is no model folder", ConfigName)
	}
	if err != nil {
		return err
	}
	if f.Config, err = ParseConfig(data); err != nil {
		return err
	}
	f.rows = f.Config.Model.Vocab
	if f.Notes, err = ReadNotes(f.fsys); err != nil {
		return err
	}
	if f.weights, err = openWeights(f.fsys); err != nil {
		return err
	}
	if err := f.openQuantised(); err != nil {
		return err
	}
	if err := f.tie(); err != nil {
		return err
	}
	return f.inventory()
}

// tie finds a tied embedding under either of its names. Where both are stored they must be equal.
func (f *Folder) tie() error {
	embed, head := f.Config.Model.EmbedName(), f.Config.Model.HeadName()
	if !f.Config.Model.Tied || !f.has(head) {
		return nil
	}
	if !f.has(embed) {
		f.alias[embed] = head
		return nil
	}
	x, _, err := f.weights.Floats(embed)
	if err != nil {
		return err
	}
	y, _, err := f.weights.Floats(head)
	if err != nil {
		return err
	}
	if !slices.Equal(x, y) {
		return fmt.Errorf("%s and %s differ, but %s says tie_word_embeddings; set it to false if the "+
			"model has a head of its own", embed, head, ConfigName)
	}
	return nil
}

func (f *Folder) has(name string) bool {
	_, err := f.weights.Info(name)
	return err == nil
}

// inventory compares what is stored with what the configuration needs.
func (f *Folder) inventory() error {
	known := map[string]bool{f.Config.Model.HeadName(): f.Config.Model.Tied}
	var all []error
	for _, p := range model.Describe(f.Config.Model, model.Options{}) {
		known[p.Name] = true
		all = append(all, f.check(p.Name, p.Shape()))
	}
	for _, name := range f.weights.Names() {
		if !known[name] && !buffer(name) {
			all = append(all, fmt.Errorf("tensor %q is no part of this %s", name,
				family.Of(f.Config.Model).Architecture))
		}
	}
	return first(all)
}

// buffer reports whether a tensor is none of the parameters, but what older versions of transformers
// stored beside them.
func buffer(name string) bool {
	for _, suffix := range []string{".rotary_emb.inv_freq", ".attention.bias", ".attention.masked_bias"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

// check compares one stored tensor with its shape.
func (f *Folder) check(name string, shape []int) error {
	info, err := f.weights.Info(f.stored(name))
	if err != nil {
		hint := ""
		if name == f.Config.Model.HeadName() {
			hint = "; if the embedding is the head, config.json needs tie_word_embeddings true"
		}
		return fmt.Errorf("%w%s", err, hint)
	}
	if !slices.Equal(info.Shape, f.storedShape(name, shape)) {
		return fmt.Errorf("tensor %q has shape %v, %s asks for %v", info.Name, info.Shape, ConfigName,
			shape)
	}
	return nil
}

// stored returns the name under which a tensor is in the files.
func (f *Folder) stored(name string) string {
	if other, ok := f.alias[name]; ok {
		return other
	}
	return name
}

// first returns the first error, with the number of further ones.
func first(all []error) error {
	all = slices.DeleteFunc(all, func(err error) bool { return err == nil })
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return fmt.Errorf("%w (and %d more tensors that do not fit)", all[0], len(all)-1)
}

// Tensor returns a tensor's values, row-major, by its name in the family's Hugging Face model, also that of a
// tied embedding that is stored as the head. It is a model.Source: a tensor that is missing, has
// another shape or holds a NaN or an infinity is an error.
func (f *Folder) Tensor(name string, shape []int) ([]float32, error) {
	values, err := f.tensor(name, shape)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", f.Name, err)
	}
	return values, nil
}

func (f *Folder) tensor(name string, shape []int) ([]float32, error) {
	if err := f.check(name, shape); err != nil {
		return nil, err
	}
	values, _, err := f.weights.Floats(f.stored(name))
	if err != nil {
		return nil, err
	}
	if err := safetensors.CheckFinite(name, values); err != nil {
		return nil, err
	}
	return f.grown(name, values), nil
}

// DType returns the storage type of a tensor.
func (f *Folder) DType(name string) (safetensors.DType, error) {
	info, err := f.weights.Info(f.stored(name))
	if err != nil {
		return "", fmt.Errorf("model %s: %w", f.Name, err)
	}
	return info.DType, nil
}

// Close closes the weights' files.
func (f *Folder) Close() error { return f.weights.Close() }
