package llamacpp

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"longlora/internal/tokenizer"
	"longlora/trainer/gguf"
	"longlora/trainer/hf"
)

// FuzzFolder shows any file as a model folder: it is refused, or its parts are read.
func FuzzFolder(f *testing.F) {
	for i, spec := range specs() {
		var out bytes.Buffer
		m := Model{Name: "x", Config: hf.NewConfig(tiny(), spec, 1, 2), Context: spec.Max, Values: source,
			Type: []gguf.Type{gguf.F32, gguf.Q8}[i%2]}
		if err := Write(&out, m); err != nil {
			f.Fatal(err)
		}
		f.Add(out.Bytes())
	}
	for _, name := range []string{"f32.gguf", "q8_0.gguf"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	path := filepath.Join(f.TempDir(), "x.gguf")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		folder := NewFolder(path)
		if model, err := hf.Open(folder, path); err == nil {
			model.Close()
		}
		if tok, err := tokenizer.OpenFS(folder); err == nil {
			tok.Encode(nil, "a text", true)
		}
	})
}
