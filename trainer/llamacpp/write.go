package llamacpp

import (
	"fmt"
	"io"
	"io/fs"
	"slices"

	"longlora/trainer/gguf"
	"longlora/trainer/hf"
	"longlora/trainer/model"
)

// Model is what Write writes.
type Model struct {
	Name   string
	Config hf.Config
	// Context is the number of positions that the model reads.
	Context int
	// FS is the folder with the tokenizer; nil writes a file without one, for programs that have the
	// ids.
	FS     fs.FS
	Values model.Source
	// Type stores matrices; norms are always F32. Rows that are no whole blocks of Q8_0 are F16.
	Type gguf.Type
}

// Write writes a GGUF file.
func Write(w io.Writer, m Model) error {
	pairs, err := describe(m.Config, m.Context, m.Name, m.Type)
	if err != nil {
		return err
	}
	vocabulary := []gguf.Pair{{Key: modelKey, Value: noVocabulary}}
	if m.FS != nil {
		if vocabulary, err = describeTokenizer(m.FS, m.Config); err != nil {
			return err
		}
	}
	tensors, err := m.tensors()
	if err != nil {
		return err
	}
	return gguf.Write(w, append(pairs, vocabulary...), tensors)
}

// tensors lists what is to be written; values are read when they are.
func (m Model) tensors() ([]gguf.Source, error) {
	var all []gguf.Source
	extra := factors(m.Config)
	for _, name := range []string{freqsName, longName, shortName} {
		if values := extra[name]; values != nil {
			all = append(all, gguf.Source{Name: name, Shape: []int{len(values)}, Type: gguf.F32,
				Load: func() ([]float32, error) { return slices.Clone(values), nil }})
		}
	}
	for _, p := range model.Describe(m.Config.Model, model.Options{}) {
		name, err := theirs(p.Name)
		if err != nil {
			return nil, err
		}
		all = append(all, gguf.Source{Name: name, Shape: p.Shape(), Type: TypeOf(p.Shape(), m.Type),
			Load: func() ([]float32, error) { return m.load(p.Name, p.Shape()) }})
	}
	return all, nil
}

// TypeOf returns the type in which a tensor is stored if matrices are to be t.
func TypeOf(shape []int, t gguf.Type) gguf.Type {
	switch {
	case len(shape) < 2:
		return gguf.F32
	case t == gguf.Q8 && shape[len(shape)-1]%32 != 0:
		return gguf.F16
	}
	return t
}

func (m Model) load(name string, shape []int) ([]float32, error) {
	values, err := m.Values(name, shape)
	if err != nil {
		return nil, err
	}
	if heads := turned(name, m.Config.Model); heads > 0 {
		return interleave(values, heads, shape[1]), nil
	}
	if want := shape[0]; len(values)%want != 0 {
		return nil, fmt.Errorf("tensor %q has %d values for shape %v", name, len(values), shape)
	}
	return values, nil
}
