package export

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"longlora/internal/atomicfile"
	"longlora/internal/defaults"
	"longlora/trainer/gguf"
	"longlora/trainer/hf"
	"longlora/trainer/llamacpp"
	"longlora/trainer/merge"
	"longlora/trainer/model"
	"longlora/trainer/peft"
	"longlora/trainer/rope"
	"longlora/trainer/safetensors"
)

var (
	shape = model.Config{Vocab: 4096, Hidden: 8, Layers: 2, Heads: 2, KVHeads: 1, HeadDim: 4, FFN: 12,
		Eps: 1e-5, Tied: true}
	lora  = model.LoRA{Targets: []string{"q_proj", "down_proj"}, Rank: 2, Alpha: 4}
	plain = rope.Spec{Kind: rope.Default, Theta: 10000, Factor: 1, Max: 16, Original: 16}
)

func random(params model.Params, seed uint64) []safetensors.Tensor {
	rng := rand.New(rand.NewPCG(seed, 0))
	var all []safetensors.Tensor
	for _, p := range params {
		values := make([]float32, p.Len())
		for i := range values {
			values[i] = float32(rng.NormFloat64())
		}
		all = append(all, safetensors.Tensor{Name: p.Name, Shape: p.Shape(), DType: safetensors.F32,
			Load: safetensors.Values(values)})
	}
	return all
}

// request writes a base with the default tokenizer and an adapter that reads four times as far.
func request(t *testing.T) Request {
	t.Helper()
	dir := t.TempDir()
	baseDir, adapterDir := filepath.Join(dir, "base"), filepath.Join(dir, "adapter")
	config := hf.NewConfig(shape, plain, 0, 1)
	extended := config
	var err error
	extended.RoPE, err = rope.Extend(plain, rope.Linear, 16, 64)
	check(t, err)
	check(t, errors.Join(os.Mkdir(baseDir, 0o777), os.Mkdir(adapterDir, 0o777)))
	check(t, hf.Write(baseDir, config, hf.Notes{Context: 16},
		random(model.Describe(shape, model.Options{}), 1), 0))
	check(t, os.WriteFile(filepath.Join(baseDir, "tokenizer.json"), defaults.TokenizerFile(), 0o666))
	options := model.Options{LoRA: &lora, Train: []string{"embed", "norm"}}
	check(t, peft.Write(adapterDir, peft.Saved{LoRA: lora, Base: baseDir, Config: extended,
		Notes:   hf.Notes{Context: 64, Base: baseDir},
		Tensors: random(model.Describe(shape, options).Trainable(), 2)}))
	r := Request{FS: os.DirFS(baseDir), Out: filepath.Join(dir, "out")}
	r.Base, err = hf.Open(r.FS, baseDir)
	check(t, err)
	t.Cleanup(func() { r.Base.Close() })
	r.Adapter, err = peft.Open(os.DirFS(adapterDir), adapterDir)
	check(t, err)
	t.Cleanup(func() { r.Adapter.Close() })
	check(t, r.Adapter.Fit(shape))
	return r
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestForms walks the table: what each form holds is what was trained, as far as the type of
// storage allows. Merging is tested with every type in its own package.
func TestForms(t *testing.T) {
	for _, f := range forms {
		kinds := []string{"", "BF16"}
		if f.name == "llamacpp" {
			kinds = append(kinds, f.types...)
		}
		for _, kind := range kinds {
			r := request(t)
			r.Type = kind
			if f.name == "llamacpp" {
				r.Out += llamacpp.Suffix
			}
			result, err := Write(f.name, r)
			if err != nil {
				t.Fatalf("%s %s: %v", f.name, kind, err)
			}
			if result.Context != 64 || result.Factor != 4 || len(result.Files) == 0 || result.Use == "" {
				t.Errorf("%s %s: %+v", f.name, kind, result)
			}
			compare(t, f.name, r, limits[kind])
			if _, err := Write(f.name, r); f.name != "llamacpp" && !errors.Is(err, atomicfile.ErrExists) {
				t.Errorf("%s: a second time: %v", f.name, err)
			}
		}
	}
}

// limits are how far the storage types move a value of magnitude below 32: half a unit in the last
// place of each, for Q8_0 half a step of 1/127 of the greatest magnitude and the scale's rounding.
// A LoRA product moves by the roundings of both factors, which these cover too.
var limits = map[string]float64{"": 0, "F32": 0, "BF16": 32.0 / 256, "F16": 32.0 / 2048,
	"Q8_0": 32 * (0.5/127 + 1.0/2048)}

// compare merges what was written and holds it against the merged request.
func compare(t *testing.T, name string, r Request, limit float64) {
	t.Helper()
	want, err := r.combine()
	check(t, err)
	got := reopened(t, name, r)
	for _, p := range model.Describe(shape, model.Options{}) {
		exact, err := want.Merged(p.Name, p.Shape())
		check(t, err)
		values, err := got(p.Name, p.Shape())
		check(t, err)
		for i := range exact {
			if d := float64(values[i] - exact[i]); !(d <= limit && -d <= limit) {
				t.Fatalf("%s: %s[%d] = %g, want %g ± %g", name, p.Name, i, values[i], exact[i], limit)
			}
		}
	}
}

// reopened returns the source of what a consumer of a form computes with.
func reopened(t *testing.T, name string, r Request) model.Source {
	t.Helper()
	folder := func(path string) *hf.Folder {
		fsys := os.DirFS(path)
		f, err := hf.Open(fsys, path)
		check(t, err)
		t.Cleanup(func() { f.Close() })
		return f
	}
	over := func(base *hf.Folder, path string) model.Source {
		a, err := peft.Open(os.DirFS(path), path)
		check(t, err)
		t.Cleanup(func() { a.Close() })
		check(t, a.Fit(shape))
		c, err := merge.Combine(base, a, 0, "")
		check(t, err)
		return c.Merged
	}
	switch name {
	case "peft":
		return over(r.Base, r.Out)
	case "vllm":
		path := filepath.Join(r.Out, "adapter")
		data, err := os.ReadFile(filepath.Join(path, peft.ConfigName))
		check(t, err)
		if !bytes.Contains(data, []byte(`"modules_to_save": null`)) {
			t.Errorf("the adapter holds more than LoRA: %s", data)
		}
		return over(folder(filepath.Join(r.Out, "base")), path)
	case "llamacpp":
		f, err := hf.Open(llamacpp.NewFolder(r.Out), r.Out)
		check(t, err)
		t.Cleanup(func() { f.Close() })
		return f.Tensor
	}
	return folder(r.Out).Tensor
}

func TestRefusals(t *testing.T) {
	r := request(t)
	alone := r
	alone.Adapter = nil
	tokens := r
	tokens.FS = os.DirFS(t.TempDir())
	tokens.Out += llamacpp.Suffix
	wrong := r
	wrong.Type = "Q8_0"
	for _, c := range []struct {
		form string
		r    Request
		want string
	}{
		{"onnx", r, "there are transformers, peft, vllm, llamacpp"}, {"peft", alone, "no adapter"},
		{"vllm", alone, "no adapter"}, {"llamacpp", r, "ends with .gguf"},
		{"llamacpp", tokens, "no tokenizer.json"}, {"transformers", wrong, `type "Q8_0"`},
	} {
		if _, err := Write(c.form, c.r); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.form, err, c.want)
		}
	}
	alone.Context, alone.Rope = 64, rope.Linear
	if result, err := Write("transformers", alone); err != nil || result.Factor != 4 {
		t.Errorf("a base alone, extended: %+v, %v", result, err)
	}
}

// TestVerifyAdapter spoils a written adapter in the ways that make it useless.
func TestVerifyAdapter(t *testing.T) {
	for name, c := range map[string]struct {
		want  string
		spoil func(*testing.T, string, *hf.Config, map[string]merge.Checksum)
	}{
		"nothing": {"", func(*testing.T, string, *hf.Config, map[string]merge.Checksum) {}},
		"rope": {"the extension of RoPE, linear by 8, is lost",
			func(_ *testing.T, _ string, c *hf.Config, _ map[string]merge.Checksum) { c.RoPE.Factor = 8 }},
		"config": {"is lost", func(t *testing.T, dir string, _ *hf.Config, _ map[string]merge.Checksum) {
			check(t, os.Remove(filepath.Join(dir, hf.ConfigName)))
		}},
		"tensor": {"no such tensor",
			func(_ *testing.T, _ string, _ *hf.Config, sums map[string]merge.Checksum) {
				sums["model.layers.9.self_attn.q_proj.lora_A.weight"] = merge.Checksum{}
			}},
		"value": {"is not what was written",
			func(t *testing.T, dir string, _ *hf.Config, _ map[string]merge.Checksum) {
				path := filepath.Join(dir, peft.WeightsName)
				data, err := os.ReadFile(path)
				check(t, err)
				data[len(data)-2] ^= 1
				check(t, os.WriteFile(path, data, 0o666))
			}},
		"vocabulary": {"a model of another shape",
			func(_ *testing.T, _ string, c *hf.Config, _ map[string]merge.Checksum) { c.Model.Vocab = 4097 }},
	} {
		r := request(t)
		combined, err := r.combine()
		check(t, err)
		dir := t.TempDir()
		check(t, r.writeAdapter(dir, combined, "base", func(string) bool { return true }))
		sums := map[string]merge.Checksum{}
		for _, tensor := range r.Adapter.Tensors() {
			values, err := r.Adapter.Tensor(tensor.Name, tensor.Shape)
			check(t, err)
			sums[tensor.Name] = merge.Sum(values)
		}
		config := combined.Config
		c.spoil(t, dir, &config, sums)
		err = verifyAdapter(dir, config, sums)
		if c.want == "" && err != nil ||
			c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestVerifyFile does so with a GGUF file.
func TestVerifyFile(t *testing.T) {
	r := request(t)
	c, err := r.combine()
	check(t, err)
	w := &ggufWriter{t: gguf.F32, c: c, sums: map[string]merge.Checksum{}}
	m := llamacpp.Model{Config: c.Config, Context: 64, FS: r.FS, Values: w.values, Type: gguf.F32}
	var out bytes.Buffer
	check(t, llamacpp.Write(&out, m))
	path := filepath.Join(t.TempDir(), "x.gguf")
	verify := func(data []byte, m llamacpp.Model) error {
		check(t, os.WriteFile(path, data, 0o666))
		return w.verify(path, m)
	}
	check(t, verify(out.Bytes(), m))
	damaged := slices.Clone(out.Bytes())
	damaged[len(damaged)-2] ^= 1
	lost, wide, longer := m, m, m
	lost.Config.RoPE.Factor = 8
	wide.Config.Model.Vocab = 5000
	longer.Context = 65
	for want, err := range map[string]error{
		"is not what was written": verify(damaged, m),
		"cut off":                 verify(out.Bytes()[:out.Len()-100], m),
		"want linear by 8":        verify(out.Bytes(), lost),
		"want {Vocab:5000":        verify(out.Bytes(), wide),
		"for 65":                  verify(out.Bytes(), longer),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestTokenizerOfAnotherModel(t *testing.T) {
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "tokenizer.json"), defaults.TokenizerFile(), 0o666))
	if err := checkTokenizer(os.DirFS(dir), 4096); err != nil {
		t.Error(err)
	}
	err := checkTokenizer(os.DirFS(dir), 4095)
	if err == nil || !strings.Contains(err.Error(), "do not belong together") {
		t.Errorf("%v", err)
	}
	if err := checkTokenizer(os.DirFS(t.TempDir()), 1); err != nil {
		t.Errorf("no tokenizer: %v", err)
	}
}
