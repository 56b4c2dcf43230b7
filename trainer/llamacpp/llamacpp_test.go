package llamacpp

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"longlora/internal/tokenizer"
	"longlora/trainer/gguf"
	"longlora/trainer/hf"
	"longlora/trainer/model"
	"longlora/trainer/rope"
	"longlora/trainer/safetensors"
)

// TestGolden reads files that llama.cpp's gguf package wrote (scripts/oracle/interchange.py): the
// tensors are those of the model in PyTorch, rounded as the package rounds them.
func TestGolden(t *testing.T) {
	for file, want := range map[string]struct {
		tensors string
		dtype   safetensors.DType
	}{
		"f32.gguf": {"model", safetensors.F32}, "f16.gguf": {"model", safetensors.F16},
		"bf16.gguf": {"model", safetensors.BF16}, "q8_0.gguf": {"q8_0", safetensors.F32},
	} {
		path := filepath.Join("testdata", file)
		f, err := hf.Open(NewFolder(path), path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		oracle, err := safetensors.Open(os.DirFS("testdata"), want.tensors+".safetensors")
		if err != nil {
			t.Fatal(err)
		}
		defer oracle.Close()
		for _, p := range model.Describe(f.Config.Model, model.Options{}) {
			got, err := f.Tensor(p.Name, p.Shape())
			if err != nil {
				t.Fatal(err)
			}
			exact, _, err := oracle.Floats(p.Name)
			if err != nil {
				t.Fatal(err)
			}
			if len(p.Shape()) > 1 {
				for i, v := range exact {
					exact[i] = safetensors.Round(v, want.dtype)
				}
			}
			if !slices.Equal(got, exact) {
				t.Errorf("%s: %s differs", file, p.Name)
			}
		}
		c := f.Config
		if c.Model != (model.Config{Vocab: 400, Hidden: 32, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 8,
			FFN: 64, Eps: 1e-5}) || c.RoPE.Theta != 500000 || f.Context() != 64 {
			t.Errorf("%s: %+v %+v", file, c.Model, c.RoPE)
		}
		if file == "f16.gguf" && (c.RoPE.Kind != rope.YaRN || c.RoPE.Factor != 4 || c.RoPE.Original != 16) {
			t.Errorf("RoPE %+v", c.RoPE)
		}
	}
}

// TestTokens holds the tokenizers of files against the libraries that made them: SentencePiece and
// Hugging Face's tokenizers.
func TestTokens(t *testing.T) {
	data, err := os.ReadFile("testdata/tokens.json")
	if err != nil {
		t.Fatal(err)
	}
	type text struct {
		Text string  `json:"text"`
		IDs  []int32 `json:"ids"`
	}
	var golden struct {
		Pieces []text `json:"pieces"`
		Bytes  []text `json:"bytes"`
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	for file, texts := range map[string][]text{"f32.gguf": golden.Pieces, "q8_0.gguf": golden.Bytes} {
		folder := NewFolder(filepath.Join("testdata", file))
		tok, err := tokenizer.OpenFS(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range texts {
			if got := tok.Encode(nil, want.Text, false); !slices.Equal(got, want.IDs) {
				t.Errorf("%s: %q is %v, want %v", file, want.Text, got, want.IDs)
			}
			with := tok.Encode(nil, want.Text, true)
			if bos, ok := tok.BOS(); !ok || len(with) == 0 || with[0] != bos {
				t.Errorf("%s: %q with specials is %v", file, want.Text, with)
			}
			back, err := tok.Decode(want.IDs, true)
			if err != nil || back != want.Text {
				t.Errorf("%s: %q comes back as %q, %v", file, want.Text, back, err)
			}
		}
		// Written again, the vocabulary is the same.
		f, err := folder.open()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		c := hf.NewConfig(model.Config{Vocab: 400}, rope.Spec{}, -1)
		pairs, err := describeTokenizer(folder, c)
		if err != nil {
			t.Fatal(err)
		}
		compareVocabulary(t, f, pairs)
	}
	if text, err := hf.ChatTemplate(NewFolder("testdata/q8_0.gguf")); err != nil ||
		!strings.HasPrefix(text, "{% for m in messages") {
		t.Errorf("chat template %q, %v", text, err)
	}
	if _, err := tokenizer.OpenFS(NewFolder("testdata/f16.gguf")); err == nil {
		t.Error("a file without a tokenizer gave one")
	}
}

func compareVocabulary(t *testing.T, f *gguf.File, pairs []gguf.Pair) {
	t.Helper()
	for _, p := range pairs {
		want := f.Value(p.Key)
		switch got := p.Value.(type) {
		case []string:
			if !slices.Equal(got, want.([]string)) {
				t.Errorf("%s differs", p.Key)
			}
		case []int32:
			for i, n := range want.([]int64) {
				if int64(got[i]) != n {
					t.Errorf("%s: token %d has type %d, want %d", p.Key, i, got[i], n)
				}
			}
		case string:
			if got != want {
				t.Errorf("%s is %q, want %q", p.Key, got, want)
			}
		}
	}
}

// source returns values by which rows and columns can be told apart.
func source(name string, shape []int) ([]float32, error) {
	n := 1
	for _, extent := range shape {
		n *= extent
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(i%251) + float32(len(name))/64
	}
	return values, nil
}

func tiny() model.Config {
	return model.Config{Vocab: 400, Hidden: 32, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 8, FFN: 48,
		Eps: 1e-6, Tied: true}
}

// specs are an extension of each kind that files can say.
func specs() []rope.Spec {
	plain := rope.Spec{Kind: rope.Default, Theta: 10000, Factor: 1, Max: 64, Original: 64}
	linear, yarn, llama3 := plain, plain, plain
	linear.Kind, linear.Factor, linear.Max = rope.Linear, 4, 256
	yarn.Kind, yarn.Factor, yarn.Max, yarn.BetaFast, yarn.BetaSlow = rope.YaRN, 4, 256, 32, 1
	fixed := yarn
	fixed.AttentionFactor, fixed.BetaFast = 1.5, 16
	llama3.Kind, llama3.Factor, llama3.Max, llama3.LowFreq, llama3.HighFreq = rope.Llama3, 8, 512, 1, 4
	meta := llama3
	meta.Theta, meta.Max, meta.Original = 500000, 131072, 8192
	long := plain
	long.Kind, long.Factor, long.Max, long.AttentionFactor = rope.LongRoPE, 4, 256, 1.25
	long.Short, long.Long = []float64{1, 1, 1.5, 2}, []float64{1, 2, 4, 8}
	return []rope.Spec{plain, linear, yarn, fixed, llama3, meta, long}
}

func write(t *testing.T, m Model) string {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, m); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.gguf")
	if err := os.WriteFile(path, out.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRoundTrip writes a model with every kind of extension, in every type, and reads it.
func TestRoundTrip(t *testing.T) {
	for i, spec := range specs() {
		kind := []gguf.Type{gguf.F32, gguf.F16, gguf.BF16, gguf.Q8}[i%4]
		c := hf.NewConfig(tiny(), spec, 1, 2)
		path := write(t, Model{Name: "x", Config: c, Context: spec.Max, Values: source, Type: kind})
		f, err := hf.Open(NewFolder(path), path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		got := f.Config.RoPE
		w, scale := spec.Frequencies(8, spec.Max)
		back, backScale := got.Frequencies(8, spec.Max)
		if got.Kind != spec.Kind || got.Factor != spec.Factor || got.Max != spec.Max ||
			got.Original != spec.Original || !slices.Equal(w, back) || float32(scale) != float32(backScale) {
			t.Errorf("RoPE %+v, want %+v", got, spec)
		}
		if f.Config.Model != tiny() {
			t.Errorf("shape %+v", f.Config.Model)
		}
		for _, p := range model.Describe(tiny(), model.Options{}) {
			want, _ := source(p.Name, p.Shape())
			gguf.Round(want, TypeOf(p.Shape(), kind))
			values, err := f.Tensor(p.Name, p.Shape())
			if err != nil || !slices.Equal(values, want) {
				t.Errorf("%v: %s differs: %v", kind, p.Name, err)
			}
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	spec := specs()[0]
	spec.Kind, spec.Factor = rope.Dynamic, 2
	err := Write(&bytes.Buffer{}, Model{Config: hf.NewConfig(tiny(), spec, 1, 2), Values: source})
	if err == nil || !strings.Contains(err.Error(), "no way to say RoPE of kind dynamic") {
		t.Errorf("dynamic: %v", err)
	}
	c := hf.NewConfig(tiny(), specs()[0], 1, 2)
	for name, file := range map[string]string{
		"there is no tokenizer.json":                "",
		"has id 400, the model's vocabulary is 400": `{"model": {"type": "BPE", "vocab": {"a": 400}}}`,
		`its model is "Unigram"`:                    `{"model": {"type": "Unigram", "vocab": {}}}`,
		"together a token, but no merge": `{"model": {"byte_fallback": true,
			"vocab": {"a": 0, "b": 1, "ab": 2}, "merges": []}}`,
		"neither byte-level nor": `{"model": {"vocab": {"a": 0}}}`,
		"no name for its splitter": `{"pre_tokenizer": {"type": "Sequence", "pretokenizers": [
			{"type": "Split", "pattern": {"Regex": "x"}}, {"type": "ByteLevel", "use_regex": false}]},
			"model": {"vocab": {"a": 0}}}`,
	} {
		fsys := fstest.MapFS{}
		if file != "" {
			fsys["tokenizer.json"] = &fstest.MapFile{Data: []byte(file)}
		}
		err := Write(&bytes.Buffer{}, Model{Config: c, FS: fsys, Values: source})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %q", err, name)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	base := []gguf.Pair{
		{Key: contextKey, Value: uint32(64)}, {Key: hiddenKey, Value: uint32(32)},
		{Key: layersKey, Value: uint32(1)}, {Key: ffnKey, Value: uint32(48)},
		{Key: headsKey, Value: uint32(4)}, {Key: epsKey, Value: float32(1e-6)},
	}
	embed := gguf.Source{Name: "token_embd.weight", Shape: []int{4, 32}, Type: gguf.F32,
		Load: func() ([]float32, error) { return make([]float32, 128), nil }}
	for _, c := range []struct {
		pairs []gguf.Pair
		want  string
	}{
		{[]gguf.Pair{{Key: architectureKey, Value: "gemma"}}, `architecture is "gemma"`},
		{[]gguf.Pair{{Key: architectureKey, Value: "llama"}}, "is missing, or not above 0"},
		{append(base, gguf.Pair{Key: architectureKey, Value: "llama"},
			gguf.Pair{Key: expertsKey, Value: uint32(8)}), "expert_count is 8"},
		{append(base, gguf.Pair{Key: architectureKey, Value: "llama"},
			gguf.Pair{Key: scalingKey, Value: "su"}), `is "su"`},
		{append(base, gguf.Pair{Key: architectureKey, Value: "llama"},
			gguf.Pair{Key: ropeDimKey, Value: uint32(4)}), "all of a head must turn"},
		{append(base, gguf.Pair{Key: architectureKey, Value: "llama"}), "is missing (and 9 more tensors"},
	} {
		var out bytes.Buffer
		if err := gguf.Write(&out, c.pairs, []gguf.Source{embed}); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "x.gguf")
		if err := os.WriteFile(path, out.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := hf.Open(NewFolder(path), path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	if _, err := fs.ReadFile(NewFolder("nowhere.gguf"), hf.ConfigName); err == nil ||
		!strings.Contains(err.Error(), "nowhere.gguf: there is no such file") {
		t.Errorf("nowhere: %v", err)
	}
}
