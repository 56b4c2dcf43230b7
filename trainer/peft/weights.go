package peft

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"longlora/trainer/model"
	"longlora/trainer/safetensors"
	"longlora/trainer/torchfile"
)

// The files of older adapters: oldWeightsName is PEFT's own; fullName holds the parameters that
// LongLoRA's get_trainable_weights.py took out of a checkpoint, under the base's names.
const (
	oldWeightsName = "adapter_model.bin"
	fullName       = "trainable_params.bin"
)

// openWeights opens what is there: one file, or with it that of the parameters trained in full.
func (a *Adapter) openWeights(fsys fs.FS) error {
	name, f, err := openFile(fsys)
	if err != nil {
		return err
	}
	a.files = append(a.files, f)
	for _, t := range f.Tensors() {
		short, ok := strings.CutPrefix(t.Name, prefix)
		if !ok {
			return fmt.Errorf("%s: tensor %q does not begin with %s", name, t.Name, prefix)
		}
		own := strings.Replace(short, oldPart, "", 1)
		if base := strings.Replace(own, basePart, "", 1); base != own {
			own, a.carried[base] = base, true
		}
		a.stored[own] = place{f, t.Name}
	}
	if err := a.openFull(fsys); err != nil {
		return err
	}
	a.Train = a.groups()
	return nil
}

// openFile opens the file of the adapter itself.
func openFile(fsys fs.FS) (string, file, error) {
	f, err := safetensors.Open(fsys, WeightsName)
	if err == nil {
		return WeightsName, f, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", nil, err
	}
	old, err := torchfile.Open(fsys, oldWeightsName)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, fmt.Errorf("neither %s nor %s is there", WeightsName, oldWeightsName)
	}
	if err != nil {
		return "", nil, err
	}
	return oldWeightsName, old, nil
}

// openFull opens LongLoRA's second file, if it is there.
func (a *Adapter) openFull(fsys fs.FS) error {
	f, err := torchfile.Open(fsys, fullName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	a.Upstream = true
	a.files = append(a.files, f)
	for _, t := range f.Tensors() {
		if strings.HasSuffix(t.Name, ".rotary_emb.inv_freq") {
			continue
		}
		if a.Has(t.Name) {
			return fmt.Errorf("tensor %q is in two files", t.Name)
		}
		a.stored[t.Name] = place{f, t.Name}
	}
	return nil
}

// Vocab returns the number of rows of the embedding that the adapter holds, 0 if it holds none. It
// may have more than its base's: LongLoRA's scripts add a padding token. hf.Folder.Grow gives a
// base as many.
func (a *Adapter) Vocab() int {
	var p place
	for name, stored := range a.stored {
		if model.GroupOf(name) == model.GroupEmbed {
			p = stored
		}
	}
	if p.file == nil {
		return 0
	}
	info, err := p.file.Info(p.name)
	if err != nil || len(info.Shape) != 2 {
		return 0 // Fit says what is wrong
	}
	return info.Shape[0]
}
