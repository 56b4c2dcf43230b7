// Package merge folds an adapter into its base: a model folder that needs neither.
package merge

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"longlora/internal/atomicfile"
	"longlora/trainer/hf"
	"longlora/trainer/model"
	"longlora/trainer/peft"
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
// found to be what was computed. a must have been checked by Fit.
func Merge(out string, base *hf.Folder, a *peft.Adapter, o Options) (Result, error) {
	dir, err := atomicfile.CreateDir(out, o.Overwrite)
	if err != nil {
		return Result{}, err
	}
	defer dir.Abort() //nolint:errcheck // the first error is the one to tell
	m := &merger{base: base, adapter: a, options: o, sums: map[string]checksum{}}
	if err := m.write(dir.Path()); err != nil {
		return Result{}, fmt.Errorf("merge into %s: %w", out, err)
	}
	if err := m.verify(dir.Path()); err != nil {
		return Result{}, fmt.Errorf("merge into %s: verify: %w", out, err)
	}
	return m.result, dir.Commit()
}

type merger struct {
	base    *hf.Folder
	adapter *peft.Adapter
	options Options
	result  Result
	// sums are those of the values of each tensor, after rounding to its storage type.
	sums map[string]checksum
}

func (m *merger) write(dir string) error {
	config, notes := m.base.Config, m.adapter.Notes
	if m.adapter.Config != nil {
		config.RoPE = m.adapter.Config.RoPE
	}
	if notes.Context == 0 {
		notes.Context = config.RoPE.Max
	}
	if notes.Base == "" {
		notes.Base = m.base.Name
	}
	if err := m.declare(&config); err != nil {
		return err
	}
	tensors, err := m.tensors()
	if err != nil {
		return err
	}
	m.result.Context = notes.Context
	return errors.Join(
		hf.Write(dir, config, notes, tensors, m.options.MaxFile),
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
		if d, err = m.base.DType(model.EmbedName); err != nil {
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
	w, err := m.adapter.Over(m.base.Tensor)(p.Name, p.Shape())
	if err != nil {
		return nil, err
	}
	module := strings.TrimSuffix(p.Name, ".weight")
	switch {
	case m.adapter.Has(module + model.LoRAA):
		if err := m.add(w, p, module); err != nil {
			return nil, err
		}
		m.result.Adapted++
	case m.adapter.Has(p.Name):
		m.result.Replaced++
	}
	for i, v := range w {
		w[i] = safetensors.Round(v, d)
	}
	if safetensors.CheckFinite(p.Name, w) != nil {
		return nil, fmt.Errorf("a value is beyond the range of %s; store it as F32 or BF16", d)
	}
	m.sums[p.Name] = sum(w)
	return w, nil
}

// add adds s·B·A to w [out, in].
func (m *merger) add(w []float32, p *model.Param, module string) error {
	rank, out, in := m.adapter.LoRA.Rank, p.Shape()[0], p.Shape()[1]
	a, err := m.adapter.Tensor(module+model.LoRAA, []int{rank, in})
	if err != nil {
		return err
	}
	b, err := m.adapter.Tensor(module+model.LoRAB, []int{out, rank})
	if err != nil {
		return err
	}
	addProduct(w, b, a, rank, m.adapter.LoRA.Alpha/float64(rank))
	return nil
}

// addProduct computes w += s·b·a, w [out, in], b [out, rank], a [rank, in]. Sums are in float64 and
// rounded once.
func addProduct(w, b, a []float32, rank int, s float64) {
	in := len(a) / rank
	row := make([]float64, in)
	for o := range len(b) / rank {
		clear(row)
		for r := range rank {
			x := s * float64(b[o*rank+r])
			for i, y := range a[r*in : (r+1)*in] {
				row[i] += x * float64(y)
			}
		}
		for i, d := range row {
			w[o*in+i] = float32(float64(w[o*in+i]) + d)
		}
	}
}

// verify opens the folder as any reader would and compares every value.
func (m *merger) verify(dir string) error {
	f, err := hf.Open(os.DirFS(dir), dir)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	for _, p := range model.Describe(f.Config.Model, model.Options{}) {
		values, err := f.Tensor(p.Name, p.Shape())
		if err != nil {
			return err
		}
		if sum(values) != m.sums[p.Name] {
			return fmt.Errorf("tensor %q is not what was written; the disk may be failing", p.Name)
		}
	}
	return nil
}
