package hf

import (
	"errors"
	"fmt"

	"longlora/trainer/bitsandbytes"
	"longlora/trainer/model"
	"longlora/trainer/safetensors"
)

// quantisationKey is the key of config.json that says how weights are quantised.
const quantisationKey = "quantization_config"

// takeQuantisation reads a quantization_config that this project reads weights of, and takes it out of
// the keys until restore is called: none of the others depends on it.
func (c *Config) takeQuantisation() (restore func(), err error) {
	raw := c.raw[quantisationKey]
	if raw == nil {
		return func() {}, nil
	}
	kind, ok, err := bitsandbytes.Parse(raw)
	if !ok || err != nil {
		return func() {}, err
	}
	c.Quantised = kind
	delete(c.raw, quantisationKey)
	return func() { c.raw[quantisationKey] = raw }, nil
}

// openQuantised lays the reader of quantised weights over those of the files.
func (f *Folder) openQuantised() error {
	if f.Config.Quantised == "" {
		return nil
	}
	files, ok := f.weights.(*safetensors.Folder)
	if !ok {
		return errors.New("weights that bitsandbytes quantised are read from safetensors only")
	}
	f.weights = bitsandbytes.Wrap(files, f.Config.Quantised, f.Config.DType)
	return nil
}

// packings are those of kinds of folders.
var packings = map[bitsandbytes.Kind]model.Packing{
	bitsandbytes.NF4: model.NF4, bitsandbytes.NF4Single: model.NF4Single, bitsandbytes.Int8: model.Int8,
}

// Packing returns how the frozen matrices of the folder are held if p is wanted: a folder that stores nf4
// without a second quantisation is held so.
func (f *Folder) Packing(p model.Packing) model.Packing {
	if p == model.NF4 && packings[f.Config.Quantised] == model.NF4Single {
		return model.NF4Single
	}
	return p
}

// CheckPacking refuses another code than the one that the folder stores: its values would be rounded
// twice.
func (f *Folder) CheckPacking(p model.Packing) error {
	stored, ok := packings[f.Config.Quantised]
	if !ok || p == model.Unpacked || f.Packing(p) == stored {
		return nil
	}
	return fmt.Errorf("model %s: its weights are stored as %v: use --weights f32, bf16 or what is "+
		"stored, not %v", f.Name, stored, p)
}

// Packed is a model.PackedSource of the codes that the folder stores.
func (f *Folder) Packed(name string, shape []int) (any, error) {
	w, ok := f.weights.(*bitsandbytes.Weights)
	if !ok {
		return nil, nil
	}
	if err := f.check(name, shape); err != nil {
		return nil, fmt.Errorf("model %s: %w", f.Name, err)
	}
	packed, err := w.Packed(f.stored(name))
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", f.Name, err)
	}
	return packed, nil
}
