package peft

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"longlora/trainer/hf"
	"longlora/trainer/model"
	"longlora/trainer/safetensors"
)

// prefix is what PEFT puts before a model's names.
const prefix = "base_model.model."

// oldPart is in the names of parameters trained in full that early versions of PEFT wrote.
const oldPart = ".modules_to_save"

// basePart is in the names of a base's parameters that have an adapter.
const basePart = ".base_layer"

// Adapter is an open adapter folder. After Fit it may be used concurrently.
type Adapter struct {
	// Name is what the folder is called in errors: usually its path.
	Name string
	LoRA model.LoRA
	// Base is the model that the adapter says it was trained on.
	Base string
	// Train names the groups of base parameters that the adapter holds in full, as model.Options
	// has them.
	Train []string
	// Config is the base's configuration with the rotary embedding of the training; nil if the
	// folder has none, as those that PEFT itself writes.
	Config *hf.Config
	// Notes is the folder's longlora.json, zero if it has none.
	Notes hf.Notes

	// Upstream says that the folder is one of LongLoRA's own scripts: trainable_params.bin beside
	// adapter_model.bin. It does not say how far RoPE was extended.
	Upstream bool

	files []file
	// allLinear says that the targets are all linear layers of decoder layers.
	allLinear bool
	// stored maps the names of package model to where the tensors are. Those of carried are the base's,
	// as they were: PEFT saves them with adapters of embedding and head.
	stored  map[string]place
	carried map[string]bool
}

// file holds tensors: one of packages safetensors and torchfile.
type file interface {
	Tensors() []safetensors.Info
	Info(name string) (safetensors.Info, error)
	Floats(name string) ([]float32, []int, error)
	Close() error
}

// place is where a tensor is, and its name there.
type place struct {
	file file
	name string
}

// Open opens the adapter folder fsys.
func Open(fsys fs.FS, name string) (*Adapter, error) {
	a := &Adapter{Name: name, stored: map[string]place{}, carried: map[string]bool{}}
	if err := a.open(fsys); err != nil {
		return nil, fmt.Errorf("adapter %s: %w", name, errors.Join(err, a.Close()))
	}
	return a, nil
}

// IsAdapter reports whether fsys is an adapter folder.
func IsAdapter(fsys fs.FS) bool {
	_, err := fs.Stat(fsys, ConfigName)
	return err == nil
}

func (a *Adapter) open(fsys fs.FS) error {
	data, err := fs.ReadFile(fsys, ConfigName)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no %s: this is no adapter folder", ConfigName)
	}
	if err != nil {
		return err
	}
	c, err := parseConfig(data)
	if err != nil {
		return fmt.Errorf("%s: %w", ConfigName, err)
	}
	a.LoRA, a.allLinear = c.lora(), c.Targets.all
	a.Base = c.Base
	if err := a.LoRA.Validate(); err != nil {
		return fmt.Errorf("%s: %w", ConfigName, err)
	}
	if err := a.openBeside(fsys); err != nil {
		return err
	}
	return a.openWeights(fsys)
}

// openBeside reads config.json and longlora.json, if they are there.
func (a *Adapter) openBeside(fsys fs.FS) error {
	var err error
	if a.Notes, err = hf.ReadNotes(fsys); err != nil {
		return err
	}
	data, err := fs.ReadFile(fsys, hf.ConfigName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	c, err := hf.ParseConfig(data)
	a.Config = &c
	return err
}

// groups returns those of the parameters that were trained in full.
func (a *Adapter) groups() []string {
	found := map[model.Group]bool{}
	for name := range a.stored {
		g := model.GroupOf(name)
		found[g] = found[g] || !a.carried[name]
	}
	var groups []string
	for _, g := range model.Groups() {
		if found[model.Group(g)] {
			groups = append(groups, g)
		}
	}
	return groups
}

// Tensor describes a stored tensor, by its name in package model.
type Tensor struct {
	Name  string
	Group model.Group
	safetensors.Info
}

// Tensors lists what is stored, in order of name.
func (a *Adapter) Tensors() []Tensor {
	var all []Tensor
	for name, stored := range a.stored {
		info, err := stored.file.Info(stored.name)
		if err != nil {
			panic(err) // stored comes from the file's own list
		}
		info.Shape = turned(name, info.Shape)
		all = append(all, Tensor{name, model.GroupOf(name), info})
	}
	slices.SortFunc(all, func(x, y Tensor) int { return strings.Compare(x.Name, y.Name) })
	return all
}

// turned returns the shape of a tensor of package model as it is in a file, and the reverse: PEFT has
// the embedding's first matrix by tokens.
func turned(name string, shape []int) []int {
	if strings.HasSuffix(name, model.EmbedA) && len(shape) == 2 {
		return []int{shape[1], shape[0]}
	}
	return shape
}

// Transpose returns a matrix [rows, columns] by columns.
func Transpose(values []float32, rows, columns int) []float32 {
	out := make([]float32, len(values))
	for r := range rows {
		for c := range columns {
			out[c*rows+r] = values[r*columns+c]
		}
	}
	return out
}

// Fit checks that the adapter is one for a model of shape c: every tensor there with its shape,
// and no others. Where head and embedding are tied, a stored head must equal a stored embedding,
// and the group "head" is dropped from Train.
func (a *Adapter) Fit(c model.Config) error {
	if err := a.fit(c); err != nil {
		return fmt.Errorf("adapter %s: %w", a.Name, err)
	}
	return nil
}

func (a *Adapter) fit(c model.Config) error {
	if a.Config != nil && a.Config.Model != c {
		return fmt.Errorf("it was trained on a model of another shape: %+v, this one is %+v; give its "+
			"own base, %s", a.Config.Model, c, a.Base)
	}
	if rows := a.Vocab(); rows > 0 && rows != c.Vocab {
		return fmt.Errorf("its embedding has %d rows, the base has a vocabulary of %d: give the base that "+
			"it was trained on", rows, c.Vocab)
	}
	if err := a.tie(c); err != nil {
		return err
	}
	if a.allLinear {
		a.LoRA.Targets = c.Targets()
	}
	if _, err := c.Adapters(&a.LoRA); err != nil {
		return err
	}
	known := map[string]bool{}
	if c.Tied {
		known[c.HeadName()] = true
	}
	for _, p := range model.Describe(c, model.Options{LoRA: &a.LoRA, Train: a.Train}) {
		known[p.Name] = true
		if !p.Trainable {
			if a.carried[p.Name] {
				if err := a.check(p.Name, p.Shape()); err != nil {
					return err
				}
			} else if a.Has(p.Name) {
				return fmt.Errorf("tensor %q is there, other %s tensors are not", p.Name, p.Group)
			}
			continue
		}
		if err := a.check(p.Name, p.Shape()); err != nil {
			return err
		}
	}
	for name, stored := range a.stored {
		if !known[name] {
			return fmt.Errorf("tensor %q is no part of such an adapter", stored.name)
		}
	}
	return nil
}

// tie settles what a stored head means in a tied model.
func (a *Adapter) tie(c model.Config) error {
	if !c.Tied || !a.Has(c.HeadName()) {
		return nil
	}
	shape := []int{c.Vocab, c.Hidden}
	head, err := a.tensor(c.HeadName(), shape)
	if err != nil {
		return err
	}
	embed, err := a.tensor(c.EmbedName(), shape)
	if err != nil {
		return err
	}
	if !slices.Equal(head, embed) {
		return fmt.Errorf("%s and %s differ, but the base ties them; merge the adapter with PEFT and "+
			"set tie_word_embeddings to false", c.EmbedName(), c.HeadName())
	}
	a.Train = slices.DeleteFunc(a.Train, func(g string) bool { return g == string(model.GroupHead) })
	return nil
}

func (a *Adapter) check(name string, shape []int) error {
	stored, ok := a.stored[name]
	if !ok {
		return fmt.Errorf("%w %q", safetensors.ErrMissing, prefix+name)
	}
	info, err := stored.file.Info(stored.name)
	if err != nil {
		return err
	}
	if want := turned(name, shape); !slices.Equal(info.Shape, want) {
		return fmt.Errorf("tensor %q has shape %v, the base and %s ask for %v", stored.name, info.Shape,
			ConfigName, want)
	}
	return nil
}

// Has reports whether the adapter holds the parameter name, of LoRA or in full.
func (a *Adapter) Has(name string) bool {
	_, ok := a.stored[name]
	return ok
}

// Tensor returns a tensor's values, row-major, by its name in package model. It is a
// model.Source: a tensor that is missing, has another shape or holds a NaN or an infinity is an
// error.
func (a *Adapter) Tensor(name string, shape []int) ([]float32, error) {
	values, err := a.tensor(name, shape)
	if err != nil {
		return nil, fmt.Errorf("adapter %s: %w", a.Name, err)
	}
	return values, nil
}

func (a *Adapter) tensor(name string, shape []int) ([]float32, error) {
	if err := a.check(name, shape); err != nil {
		return nil, err
	}
	values, _, err := a.stored[name].file.Floats(a.stored[name].name)
	if err != nil {
		return nil, err
	}
	if err := safetensors.CheckFinite(name, values); err != nil {
		return nil, err
	}
	if strings.HasSuffix(name, model.EmbedA) {
		return Transpose(values, shape[1], shape[0]), nil
	}
	return values, nil
}

// Over returns the source of a base's parameters with the adapter's laid over them: those that the
// adapter has, and single rows, come from it, all others from base.
func (a *Adapter) Over(base model.Source) model.Source {
	return func(name string, shape []int) ([]float32, error) {
		source := base
		if a.Has(name) {
			source = a.Tensor
		}
		values, err := source(name, shape)
		if err != nil {
			return nil, err
		}
		return a.replaced(name, shape, values)
	}
}

// Close closes the weights' files.
func (a *Adapter) Close() error {
	var errs []error
	for _, f := range a.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
