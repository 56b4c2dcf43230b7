package export

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"longlora/trainer/gguf"
	"longlora/trainer/hf"
	"longlora/trainer/merge"
	"longlora/trainer/peft"
	"longlora/trainer/rope"
	"longlora/trainer/safetensors"
)

// Request says what to write.
type Request struct {
	Base *hf.Folder
	// FS is the base's folder.
	FS fs.FS
	// Adapter is what was trained, checked by Fit; nil exports the base alone.
	Adapter *peft.Adapter
	// Out is the directory or, for llamacpp, the file.
	Out string
	// Type is F32, BF16, F16 or, for llamacpp, Q8_0; "": as the base is stored. Adapters are F32
	// unless it is given.
	Type string
	// Context extends the rotary embedding by kind Rope, for adapters that do not say how far their
	// training did; 0: as adapter and base say.
	Context int
	Rope    rope.Kind
	// WithoutTokenizer leaves the tokenizer out of a GGUF file.
	WithoutTokenizer bool
	Overwrite        bool
}

// Result says what was written.
type Result struct {
	Context int `json:"context"`
	// RoPE is the kind of the rotary embedding, Factor how far it was extended.
	RoPE   rope.Kind `json:"rope"`
	Factor float64   `json:"rope_factor"`
	Files  []File    `json:"files"`
	// Parts are the sizes of an adapter's groups of parameters.
	Parts []File `json:"parts,omitempty"`
	// Use is how the consumer loads it.
	Use string `json:"use"`
}

// File is a file with its size in bytes, or a part of one.
type File struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// form is a way to write models.
type form struct {
	name  string
	types []string
	write func(Request) (Result, error)
}

// forms is the table.
var forms = []form{
	{"transformers", []string{"F32", "BF16", "F16"}, toTransformers},
	{"peft", []string{"F32", "BF16", "F16"}, toPEFT},
	{"vllm", []string{"F32", "BF16", "F16"}, toVLLM},
	{"llamacpp", []string{"F32", "BF16", "F16", "Q8_0"}, toLlamaCpp},
}

// Forms lists the names that Write takes.
func Forms() []string {
	var names []string
	for _, f := range forms {
		names = append(names, f.name)
	}
	return names
}

// Write writes a model in a form.
func Write(name string, r Request) (Result, error) {
	i := slices.IndexFunc(forms, func(f form) bool { return f.name == name })
	if i < 0 {
		return Result{}, fmt.Errorf("export: unknown form %q; there are %s", name,
			strings.Join(Forms(), ", "))
	}
	f := forms[i]
	if r.Type != "" && !slices.Contains(f.types, r.Type) {
		return Result{}, fmt.Errorf("export for %s: type %q; there are %s", name, r.Type,
			strings.Join(f.types, ", "))
	}
	result, err := f.write(r)
	if err != nil {
		return Result{}, fmt.Errorf("export for %s into %s: %w", name, r.Out, err)
	}
	return result, nil
}

// combine lays the adapter over the base.
func (r Request) combine() (*merge.Combined, error) {
	return merge.Combine(r.Base, r.Adapter, r.Context, r.Rope)
}

func (r Request) mergeOptions() merge.Options {
	return merge.Options{DType: safetensors.DType(r.Type), Context: r.Context, Rope: r.Rope}
}

// result describes what is in dir.
func result(c *merge.Combined, dir, use string) (Result, error) {
	r := Result{Context: c.Notes.Context, RoPE: c.Config.RoPE.Kind, Factor: c.Config.RoPE.Factor,
		Use: use}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if name == "." {
			name = filepath.Base(path)
		}
		r.Files = append(r.Files, File{filepath.ToSlash(name), info.Size()})
		return err
	})
	return r, err
}

// typeOf returns the storage type of a GGUF file's matrices.
func (r Request) typeOf() (gguf.Type, error) {
	if r.Type != "" {
		return gguf.ParseType(r.Type)
	}
	d, err := r.Base.DType(r.Base.Config.Model.EmbedName())
	if err != nil {
		return 0, err
	}
	return gguf.ParseType(string(d))
}
