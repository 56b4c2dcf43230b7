// Package merge folds an adapter into its base: a model folder that needs neither.
package merge

import (
	"errors"
	"fmt"
	"os"

	"longlora/internal/atomicfile"
	"longlora/trainer/hf"
	"longlora/trainer/model"
	"longlora/trainer/peft"
	"longlora/trainer/rope"
	"longlora/trainer/safetensors"
)

// Options says how the merged weights are stored.
type Options struct {
	// DType stores every tensor as F32, BF16 or F16; "" stores each as the base has it.
	DType safetensors.DType
	// MaxFile is the largest file in bytes; 0: safetensors.MaxFileBytes.
	MaxFile int64
	// Overwrite replaces an output directory that is not empty.
	Overwrite bool
	// Context extends the rotary embedding to so many positions, by kind Rope, where the adapter
	// does not say how far its training did; 0: as adapter and base say.
	Context int
	Rope    rope.Kind
	// WithoutLoRA only puts the adapter's full parameters into the base: LoRA alone then makes it the
	// trained model.
	WithoutLoRA bool
}

// Result counts what a merge did.
type Result struct {
	Tensors    int   `json:"tensors"`
	Adapted    int   `json:"adapted"`  // W + s·B·A
	Replaced   int   `json:"replaced"` // trained in full
	Parameters int64 `json:"parameters"`
	Context    int   `json:"context"`
}

// Merge writes the model folder out: base's weights with a's LoRA added and its full parameters
// in their place, the rotary embedding of a's training, a tied embedding still tied, and the
// base's tokenizer files. The folder appears only after what was written has been read again and
// found to be what was computed. a must have been checked by Fit; nil writes the base alone.
func Merge(out string, base *hf.Folder, a *peft.Adapter, o Options) (Result, error) {
	dir, err := atomicfile.CreateDir(out, o.Overwrite)
	if err != nil {
		return Result{}, err
	}
	defer dir.Abort() //nolint:errcheck // the first error is the one to tell
	r, err := Fill(dir.Path(), base, a, o)
	if err != nil {
		return Result{}, fmt.Errorf("merge into %s: %w", out, err)
	}
	return r, dir.Commit()
}

// Fill is Merge into a directory that is there.
func Fill(dir string, base *hf.Folder, a *peft.Adapter, o Options) (Result, error) {
	combined, err := Combine(base, a, o.Context, o.Rope)
	if err != nil {
		return Result{}, err
	}
	m := &merger{base: base, combined: combined, options: o, sums: map[string]Checksum{}}
	if err := m.write(dir); err != nil {
		return Result{}, err
	}
	if err := m.verify(dir); err != nil {
		return Result{}, fmt.Errorf("verify: %w", err)
	}
	return m.result, nil
}

type merger struct {
	base     *hf.Folder
	combined *Combined
	options  Options
	result   Result
	// sums are those of the values of each tensor, after rounding to its storage type.
	sums map[string]Checksum
}

func (m *merger) write(dir string) error {
	config := m.combined.Config
	if err := m.declare(&config); err != nil {
		return err
	}
	tensors, err := m.tensors()
	if err != nil {
		return err
	}
	m.result.Context = m.combined.Notes.Context
	return errors.Join(
		hf.Write(dir, config, m.combined.Notes, tensors, m.options.MaxFile),
		m.base.CopyCompanions(dir),
	)
}

// declared are the names that config.json has for storage types.
var declared = map[safetensors.DType]string{
	safetensors.F32: "float32", safetensors.BF16: "bfloat16", safetensors.F16: "float16",
}

// declare sets the storage type that config tells of: that of the embedding.
func (m *merger) declare(config *hf.Config) error {
	d := m.options.DType
	if d == "" {
		var err error
		if d, err = m.base.DType(m.base.Config.Model.EmbedName()); err != nil {
			return err
		}
	}
	name, ok := declared[d]
	if !ok {
		return fmt.Errorf("cannot store %s; the storage types are F32, BF16 and F16", d)
	}
	config.DType = name
	return nil
}

// tensors lists what is to be written; values are computed when they are.
func (m *merger) tensors() ([]safetensors.Tensor, error) {
	var all []safetensors.Tensor
	for _, p := range model.Describe(m.base.Config.Model, model.Options{}) {
		d := m.options.DType
		if d == "" {
			var err error
			if d, err = m.base.DType(p.Name); err != nil {
				return nil, err
			}
		}
		all = append(all, safetensors.Tensor{Name: p.Name, Shape: p.Shape(), DType: d,
			Load: func() ([]float32, error) { return m.value(p, d) }})
		m.result.Parameters += int64(p.Len())
	}
	m.result.Tensors = len(all)
	return all, nil
}

// value computes one tensor and keeps its sum.
func (m *merger) value(p *model.Param, d safetensors.DType) ([]float32, error) {
	source := m.combined.Merged
	if m.options.WithoutLoRA {
		source = m.combined.Patched
	}
	w, err := source(p.Name, p.Shape())
	if err != nil {
		return nil, err
	}
	switch {
	case m.combined.Adapts(p.Name) && !m.options.WithoutLoRA:
		m.result.Adapted++
	case m.combined.Replaces(p.Name):
		m.result.Replaced++
	}
	for i, v := range w {
		w[i] = safetensors.Round(v, d)
	}
	if safetensors.CheckFinite(p.Name, w) != nil {
		return nil, fmt.Errorf("a value is beyond the range of %s; store it as F32 or BF16", d)
	}
	m.sums[p.Name] = Sum(w)
	return w, nil
}

// verify opens the folder as any reader would and compares every value.
func (m *merger) verify(dir string) error {
	f, err := hf.Open(os.DirFS(dir), dir)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	if f.Config.RoPE.Factor != m.combined.Config.RoPE.Factor || f.Context() != m.result.Context {
		return fmt.Errorf("the RoPE factor is %g for %d positions, want %g for %d", f.Config.RoPE.Factor,
			f.Context(), m.combined.Config.RoPE.Factor, m.result.Context)
	}
	for _, p := range model.Describe(f.Config.Model, model.Options{}) {
		values, err := f.Tensor(p.Name, p.Shape())
		if err != nil {
			return err
		}
		if Sum(values) != m.sums[p.Name] {
			return fmt.Errorf("tensor %q is not what was written; the disk may be failing", p.Name)
		}
	}
	return nil
}
