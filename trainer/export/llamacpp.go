package export

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"longlora/internal/atomicfile"
	"longlora/trainer/gguf"
	"longlora/trainer/hf"
	"longlora/trainer/llamacpp"
	"longlora/trainer/merge"
	"longlora/trainer/model"
	"longlora/trainer/safetensors"
)

// toLlamaCpp writes a GGUF file.
func toLlamaCpp(r Request) (Result, error) {
	if !llamacpp.IsFile(r.Out) {
		return Result{}, fmt.Errorf("the name of a GGUF file ends with %s", llamacpp.Suffix)
	}
	c, err := r.combine()
	if err != nil {
		return Result{}, err
	}
	t, err := r.typeOf()
	if err != nil {
		return Result{}, err
	}
	w := &ggufWriter{t: t, c: c, sums: map[string]merge.Checksum{}}
	m := llamacpp.Model{Name: strings.TrimSuffix(filepath.Base(r.Out), llamacpp.Suffix),
		Config: c.Config, Context: c.Notes.Context, FS: r.FS, Values: w.values, Type: t}
	if r.WithoutTokenizer {
		m.FS = nil
	}
	out, err := atomicfile.Create(r.Out)
	if err != nil {
		return Result{}, err
	}
	defer out.Abort() //nolint:errcheck // the first error is the one to tell
	if err := llamacpp.Write(out, m); err != nil {
		return Result{}, err
	}
	path, err := out.Flush()
	if err != nil {
		return Result{}, err
	}
	if err := w.verify(path, m); err != nil {
		return Result{}, fmt.Errorf("verify: %w", err)
	}
	if err := out.Commit(); err != nil {
		return Result{}, err
	}
	return result(c, r.Out, "llama-cli -m "+r.Out)
}

// ggufWriter keeps the sums of what a file is to hold.
type ggufWriter struct {
	t    gguf.Type
	c    *merge.Combined
	sums map[string]merge.Checksum
}

// values is the source of the merged model, rounded to the type of storage.
func (w *ggufWriter) values(name string, shape []int) ([]float32, error) {
	values, err := w.c.Merged(name, shape)
	if err != nil {
		return nil, err
	}
	gguf.Round(values, llamacpp.TypeOf(shape, w.t))
	if safetensors.CheckFinite(name, values) != nil {
		return nil, fmt.Errorf("tensor %q has a value beyond the range of %v; store it as F32 or BF16",
			name, w.t)
	}
	w.sums[name] = merge.Sum(values)
	return values, nil
}

// verify opens the file as a model folder and compares everything.
func (w *ggufWriter) verify(path string, m llamacpp.Model) (err error) {
	fsys := llamacpp.NewFolder(path)
	f, err := hf.Open(fsys, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if want := llamacpp.AsRead(m.Config.Model); f.Config.Model != want {
		return fmt.Errorf("the model's shape is %+v, want %+v", f.Config.Model, want)
	}
	if got, want := f.Config.RoPE, m.Config.RoPE; got.Kind != want.Kind ||
		!near(got.Factor, want.Factor) || f.Context() != m.Context {
		return fmt.Errorf("RoPE is %s by %g for %d positions, want %s by %g for %d", got.Kind, got.Factor,
			f.Context(), want.Kind, want.Factor, m.Context)
	}
	for _, p := range model.Describe(m.Config.Model, model.Options{}) {
		values, err := f.Tensor(p.Name, p.Shape())
		if err != nil {
			return err
		}
		if merge.Sum(values) != w.sums[p.Name] {
			return fmt.Errorf("tensor %q is not what was written; the disk may be failing", p.Name)
		}
	}
	if m.FS == nil {
		return nil
	}
	return checkTokenizer(fsys, m.Config.Model.Vocab)
}

// near compares numbers of which one was stored in single precision.
func near(a, b float64) bool { return float32(a) == float32(b) }
