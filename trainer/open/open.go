// Package open makes models ready for inference: a Hugging Face folder or the embedded base, with
// an adapter over it if there is one, on the CPU.
package open

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"longlora/kernels"
	"longlora/kernels/cpu"
	"longlora/kernels/plan"
	"longlora/trainer/base"
	"longlora/trainer/hf"
	"longlora/trainer/llamacpp"
	"longlora/trainer/model"
	"longlora/trainer/peft"
	"longlora/trainer/rope"
)

// Base is the name of the embedded model.
const Base = "base"

// Options says what to open.
type Options struct {
	// Model is a model's folder, the output directory of a run that made one, a GGUF file, or Base. Empty: the
	// adapter's own base, or else Base.
	Model string
	// Adapter is the folder of a PEFT adapter or the output directory of a run that made one; empty:
	// none.
	Adapter string
	// Context is the number of positions wanted; 0: the model's own. A longer one than the model's
	// extends its RoPE by Rope, without training.
	Context int
	Rope    rope.Kind
	// Tokens is how many the model will read, if that is known: the dynamic and LongRoPE kinds turn
	// by it, as in transformers, and not by the context. 0: the context.
	Tokens int
	// Threads is the number of CPU threads; 0: all.
	Threads int
	// Weights is the storage of matrices; 0: F32. BF16 rounds them, unless they come so, and takes half
	// the memory and of the time that reading them takes.
	Weights kernels.DType
	// Packing holds the decoder layers' matrices in few bits.
	Packing model.Packing
}

// Model is an open model with what its folder says.
type Model struct {
	*model.Model
	// Config is the folder's, its RoPE as it is used.
	Config hf.Config
	// FS is the model's folder.
	FS   fs.FS
	Name string

	backend kernels.Backend
}

// Folder returns the file system of a model.
func Folder(name string) fs.FS {
	switch {
	case name == Base:
		return base.FS()
	case llamacpp.IsFile(name):
		return llamacpp.NewFolder(name)
	}
	return os.DirFS(inside(name, hf.ConfigName, "model"))
}

// Adapter opens the adapter in a folder, or in the output directory of a run.
func Adapter(name string) (*peft.Adapter, error) {
	dir := inside(name, peft.ConfigName, "adapter")
	if whole := os.DirFS(inside(name, hf.ConfigName, "model")); !peft.IsAdapter(os.DirFS(dir)) {
		if _, err := fs.Stat(whole, hf.ConfigName); err == nil {
			return nil, fmt.Errorf("adapter %s: it is a whole model, trained in full: there is nothing to merge; "+
				"use it as --model %[1]s", name)
		}
	}
	return peft.Open(os.DirFS(dir), dir)
}

// Any returns the file system of a model or an adapter.
func Any(name string) fs.FS {
	if name == Base || llamacpp.IsFile(name) {
		return Folder(name)
	}
	dir := inside(name, hf.ConfigName, "model")
	return os.DirFS(inside(dir, peft.ConfigName, "adapter"))
}

// inside returns dir, or its subdirectory if that holds the file and dir does not.
func inside(dir, file, sub string) string {
	if _, err := os.Stat(filepath.Join(dir, file)); err == nil {
		return dir
	}
	if _, err := os.Stat(filepath.Join(dir, sub, file)); err == nil {
		return filepath.Join(dir, sub)
	}
	return dir
}

// Open reads a model. It must be closed.
func Open(o Options) (*Model, error) {
	if o.Adapter == "" {
		if o.Model == "" {
			o.Model = Base
		}
		return open(o, nil)
	}
	a, err := Adapter(o.Adapter)
	if err != nil {
		return nil, err
	}
	if o.Model == "" {
		o.Model = a.Base
	}
	m, err := open(o, a)
	return m, errors.Join(err, a.Close())
}

func open(o Options, a *peft.Adapter) (*Model, error) {
	f, err := hf.Open(Folder(o.Model), o.Model)
	if err != nil {
		return nil, err
	}
	m := &Model{Config: f.Config, FS: Folder(o.Model), Name: o.Model}
	err = m.load(f, a, o)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// load makes the model and reads its parameters.
func (m *Model) load(f *hf.Folder, a *peft.Adapter, o Options) error {
	c, context, source := f.Config.Model, f.Context(), model.Source(f.Tensor)
	options := model.Options{
		Planner: func() kernels.Backend { return plan.New() }, Frozen: o.Weights,
		Packed: f.Packing(o.Packing),
	}
	err := f.CheckPacking(o.Packing)
	if err != nil {
		return err
	}
	if a != nil {
		if err := Fit(a, f, o.Context); err != nil {
			return err
		}
		c = f.Config.Model
		m.Config.Model = c
		options.LoRA, source = &a.LoRA, a.Over(source)
		context = m.adopt(a, context)
	}
	if o.Context > 0 {
		if m.Config.RoPE, err = rope.Extend(m.Config.RoPE, o.Rope, context, o.Context); err != nil {
			return fmt.Errorf("model %s: %w", m.Name, err)
		}
		context = o.Context
	}
	if o.Tokens > 0 {
		context = min(context, o.Tokens)
	}
	options.Context = context
	m.Config.SetRotary(&options)
	if m.backend, err = cpu.New(o.Threads); err != nil {
		return err
	}
	if m.Model, err = model.New(m.backend, c, options); err != nil {
		return fmt.Errorf("model %s: %w", m.Name, err)
	}
	return m.LoadPacked(m.Params(), source, f.Packed)
}

// Fit checks that an adapter is one for the base f, as Adapter.Fit does, and gives the base the
// tokens that LongLoRA's scripts added. Those scripts do not record how far they extended RoPE: then
// context, the number of positions, must not be 0.
func Fit(a *peft.Adapter, f *hf.Folder, context int) error {
	if a.Upstream && a.Config == nil && context == 0 {
		return fmt.Errorf("adapter %s: it does not say for how many positions it was trained; give "+
			"--context", a.Name)
	}
	own := f.Config.Model.Vocab
	if a.Upstream && a.Vocab() > own || a.Notes.Added > 0 && a.Vocab() == own+a.Notes.Added {
		if err := f.Grow(a.Vocab()); err != nil {
			return err
		}
	}
	return a.Fit(f.Config.Model)
}

// adopt takes over the RoPE of an adapter's training and returns its context.
func (m *Model) adopt(a *peft.Adapter, context int) int {
	if a.Config != nil {
		m.Config.RoPE, context = a.Config.RoPE, a.Config.RoPE.Max
	}
	if a.Notes.Context > 0 {
		context = a.Notes.Context
	}
	return context
}

// Close releases the model and its backend. Closing nil, or once more, does nothing.
func (m *Model) Close() error {
	if m == nil {
		return nil
	}
	var errs []error
	if m.Model != nil {
		errs = append(errs, m.Model.Close())
	}
	if m.backend != nil {
		errs = append(errs, m.backend.Close())
	}
	m.Model, m.backend = nil, nil
	return errors.Join(errs...)
}
