package hf

import (
	"errors"
	"io/fs"

	"longlora/trainer/safetensors"
	"longlora/trainer/torchfile"
)

// Weights are the stored tensors of a model, in whatever form. They may be used concurrently.
type Weights interface {
	// Names lists all tensors in order; the caller must not change the list.
	Names() []string
	Info(name string) (safetensors.Info, error)
	// Floats returns the values of a tensor, row-major, and its shape.
	Floats(name string) ([]float32, []int, error)
	Close() error
}

// Holder is a model folder that keeps its weights in a form of its own, as a GGUF file does.
type Holder interface {
	Weights() (Weights, error)
}

// openWeights opens what a folder has: its own form, safetensors, or files of torch.save.
func openWeights(fsys fs.FS) (Weights, error) {
	if h, ok := fsys.(Holder); ok {
		return h.Weights()
	}
	w, err := safetensors.OpenFolder(fsys)
	if err == nil {
		return w, nil
	}
	if !errors.Is(err, safetensors.ErrNoWeights) {
		return nil, err
	}
	t, terr := torchfile.OpenFolder(fsys)
	if errors.Is(terr, safetensors.ErrNoWeights) {
		return nil, err
	}
	if terr != nil {
		return nil, terr
	}
	return t, nil
}
