package run

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"longlora/internal/atomicfile"
	"longlora/trainer/hf"
	"longlora/trainer/model"
	"longlora/trainer/open"
	"longlora/trainer/peft"
	"longlora/trainer/safetensors"
)

// The directories of results in a run's output directory.
const (
	adapterName = "adapter"
	modelName   = "model"
)

// saveResult writes the adapter, or the whole model after full training, and returns its directory.
func (r *Run) saveResult(m *model.Model) (string, error) {
	path := filepath.Join(r.Config.Out, modelName)
	if r.Config.Method == MethodLoRA {
		path = filepath.Join(r.Config.Out, adapterName)
	}
	dir, err := atomicfile.CreateDir(path, true)
	if err != nil {
		return "", err
	}
	defer dir.Abort() //nolint:errcheck // the first error is the one to tell
	if r.Config.Method == MethodLoRA {
		err = r.writeAdapter(dir.Path(), m)
	} else {
		err = r.writeModel(dir.Path(), m)
	}
	if err != nil {
		return "", fmt.Errorf("save %s: %w", path, err)
	}
	return path, dir.Commit()
}

func (r *Run) writeAdapter(dir string, m *model.Model) error {
	base := r.Config.Model
	if base != open.Base {
		full, err := filepath.Abs(base)
		if err != nil {
			return err
		}
		base = full
	}
	return peft.Write(dir, peft.Saved{
		LoRA: *r.lora(), Base: base, Config: r.model, Notes: r.notes(m),
		Tensors: tensors(m, m.Params().Trainable(), safetensors.F32),
	})
}

// writeModel writes weights in the storage type that the base's configuration declares, and the
// tokenizer: the base's or, from scratch, that of the shards.
func (r *Run) writeModel(dir string, m *model.Model) error {
	config, dtype := r.model, safetensors.F32
	if config.DType == "bfloat16" {
		dtype = safetensors.BF16
	} else {
		config.DType = "float32"
	}
	err := hf.Write(dir, config, r.notes(m), tensors(m, m.Params(), dtype), 0)
	if err != nil {
		return err
	}
	if r.base != nil {
		return r.base.CopyCompanions(dir)
	}
	data, err := r.dataset.TokenizerFile(context.Background())
	if err != nil || data == nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "tokenizer.json"), data, 0o666)
}

func tensors(m *model.Model, params model.Params, d safetensors.DType) []safetensors.Tensor {
	var all []safetensors.Tensor
	for _, p := range params {
		all = append(all, safetensors.Tensor{
			Name: p.Name, Shape: p.Shape(), DType: d,
			Load: func() ([]float32, error) { return m.Values(p), m.Backend().Sync() },
		})
	}
	return all
}

// patternScheduled stands in notes for more than one pattern.
const patternScheduled = "scheduled"

// notes is what the folder says about its making.
func (r *Run) notes(m *model.Model) hf.Notes {
	c := &r.Config
	n := hf.Notes{
		Context: max(c.Context, r.model.RoPE.Max), Original: r.model.RoPE.Original,
		Method: c.Method, Pattern: c.Attention, Group: c.Group, Steps: r.ended,
		Dataset: r.dataset.Manifest().Digest, Backend: m.Backend().Name(),
	}
	if len(r.attends.Phases)+len(r.attends.Layers) > 1 {
		n.Pattern, n.Attention = patternScheduled, &r.attends
	}
	if t := r.dataset.Manifest().Tokenizer; t != nil {
		n.Tokenizer = t.Digest
	}
	if r.base == nil {
		n.Method = "pretrain"
		return n
	}
	n.Base, n.Added = c.Model, r.model.Model.Vocab-r.base.Stored()
	if c.Method == MethodLoRA {
		n.Train = c.Train
	}
	return n
}
