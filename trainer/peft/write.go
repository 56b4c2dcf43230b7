package peft

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"longlora/trainer/hf"
	"longlora/trainer/model"
	"longlora/trainer/safetensors"
)

// Saved is an adapter to be written.
type Saved struct {
	LoRA model.LoRA
	// Base is the path or name of the model that it was trained on.
	Base string
	// Config is that model's configuration, with the rotary embedding of the training.
	Config hf.Config
	Notes  hf.Notes
	// Tensors are what was trained, by the names of package model: LoRA matrices, and base
	// parameters trained in full.
	Tensors []safetensors.Tensor
}

// Write fills the directory dir, which should be one of atomicfile.CreateDir. A tied embedding is
// stored twice, as embed_tokens and lm_head, equal: PEFT unties them when it loads the adapter.
func Write(dir string, s Saved) error {
	tensors, modules, err := s.tensors()
	if err != nil {
		return fmt.Errorf("write adapter: %w", err)
	}
	data, err := newConfig(s.LoRA, s.Base, modules).encode()
	if err != nil {
		return fmt.Errorf("write adapter: %w", err)
	}
	file, err := os.Create(filepath.Join(dir, WeightsName))
	if err != nil {
		return err
	}
	return errors.Join(
		safetensors.Write(file, map[string]string{"format": "pt"}, tensors),
		file.Close(),
		os.WriteFile(filepath.Join(dir, ConfigName), data, 0o666),
		hf.WriteConfig(dir, s.Config, s.Notes),
	)
}

// tensors returns s.Tensors under PEFT's names, and the modules to save.
func (s Saved) tensors() (tensors []safetensors.Tensor, modules []string, err error) {
	has := map[string]bool{} // modules with an adapter
	for _, t := range s.Tensors {
		if module, ok := strings.CutSuffix(t.Name, model.LoRAA); ok {
			has[module] = true
		} else if module, ok := strings.CutSuffix(t.Name, model.EmbedA); ok {
			has[module] = true
		}
	}
	for _, t := range s.Tensors {
		if t.Name == s.Config.Model.EmbedName() && s.Config.Model.Tied {
			head := t
			head.Name = prefix + s.Config.Model.HeadName()
			tensors = append(tensors, head)
			modules = append(modules, moduleOf(s.Config.Model.HeadName()))
		}
		if !model.IsAdapter(t.Name) {
			if has[strings.TrimSuffix(t.Name, ".weight")] {
				return nil, nil, fmt.Errorf("tensor %q is trained in full and has LoRA: PEFT has no way "+
					"to say so; train one of them", t.Name)
			}
			modules = append(modules, moduleOf(t.Name))
		}
		if strings.HasSuffix(t.Name, model.EmbedA) {
			t = transposed(t)
		}
		t.Name = prefix + t.Name
		tensors = append(tensors, t)
	}
	slices.Sort(modules)
	return tensors, slices.Compact(modules), nil
}

// transposed returns a matrix by columns.
func transposed(t safetensors.Tensor) safetensors.Tensor {
	load, shape := t.Load, t.Shape
	t.Shape = []int{shape[1], shape[0]}
	t.Load = func() ([]float32, error) {
		values, err := load()
		if err != nil {
			return nil, err
		}
		return Transpose(values, shape[0], shape[1]), nil
	}
	return t
}

// moduleOf returns the last part of the name of a parameter's module, which PEFT matches names by:
// "input_layernorm" of "model.layers.3.input_layernorm.weight".
func moduleOf(name string) string {
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".weight"), ".bias")
	return name[strings.LastIndexByte(name, '.')+1:]
}
