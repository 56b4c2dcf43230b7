package hf

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"longlora/internal/testdata"
	"longlora/trainer/model"
	"longlora/trainer/rope"
	"longlora/trainer/safetensors"
)

func tiny(tied bool) model.Config {
	return model.Config{Vocab: 5, Hidden: 6, Layers: 2, Heads: 3, KVHeads: 1, HeadDim: 4, FFN: 7,
		Eps: 1e-5, Tied: tied}
}

func plain() rope.Spec {
	return rope.Spec{Kind: rope.Default, Theta: 10000, Factor: 1, Max: 16, Original: 16}
}

// weights returns all tensors of m; the values of a tensor differ from those of others.
func weights(m model.Config) []safetensors.Tensor {
	var all []safetensors.Tensor
	for i, p := range model.Describe(m, model.Options{}) {
		values := make([]float32, p.Len())
		for j := range values {
			values[j] = float32(i) + float32(j)/256
		}
		all = append(all, safetensors.Tensor{Name: p.Name, Shape: p.Shape(), DType: safetensors.F32,
			Load: safetensors.Values(values)})
	}
	return all
}

// folder returns a model folder in memory.
func folder(t *testing.T, m model.Config, tensors []safetensors.Tensor) fstest.MapFS {
	t.Helper()
	config, err := NewConfig(m, plain(), 1, 2).Encode()
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := safetensors.Write(&file, nil, tensors); err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{ConfigName: {Data: config}, safetensors.SingleName: {Data: file.Bytes()}}
}

func TestOpenRealModels(t *testing.T) {
	want := model.Config{Vocab: 2048, Hidden: 128, Layers: 2, Heads: 8, KVHeads: 4, HeadDim: 16,
		FFN: 384, Eps: 1e-6, Tied: true}
	var embeddings [][]float32
	for _, name := range []string{"TinyStories-656K-hf", "TinyStories-656K-hf-bf16"} {
		f, err := Open(os.DirFS(testdata.Shared(t, "models", name)), name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if f.Config.Model != want || f.Context() != 512 || f.Config.BOS != 1 ||
			!slices.Equal(f.Config.EOS, []int{2}) {
			t.Errorf("%s: %+v", name, f.Config)
		}
		total := 0
		for _, p := range model.Describe(f.Config.Model, model.Options{}) {
			values, err := f.Tensor(p.Name, p.Shape())
			if err != nil {
				t.Fatal(err)
			}
			total += len(values)
			if p.Name == model.EmbedName {
				embeddings = append(embeddings, values)
			}
		}
		if total != 656_000 {
			t.Errorf("%s: %d parameters, want 656,000", name, total)
		}
	}
	// One folder stores the embedding as lm_head in F32, the other under its own name in BF16.
	for i, v := range embeddings[0] {
		if safetensors.Round(v, safetensors.BF16) != embeddings[1][i] {
			t.Fatalf("element %d of the embeddings: %v and %v", i, v, embeddings[1][i])
		}
	}
}

func TestTiedEmbedding(t *testing.T) {
	m := tiny(true)
	all := weights(m)
	embed := slices.IndexFunc(all, func(t safetensors.Tensor) bool {
		return t.Name == model.EmbedName
	})
	want, _ := all[embed].Load()
	asHead := slices.Clone(all)
	asHead[embed].Name = model.HeadName
	both := append(slices.Clone(all), asHead[embed])
	for name, tensors := range map[string][]safetensors.Tensor{
		"embedding": all, "head": asHead, "both": both} {
		f, err := Open(folder(t, m, tensors), name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Tensor(model.EmbedName, []int{5, 6})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	both[len(both)-1].Load = safetensors.Values(make([]float32, 30))
	_, err := Open(folder(t, m, both), "x")
	if err == nil ||
		!strings.Contains(err.Error(), "differ, but config.json says tie_word_embeddings") {
		t.Errorf("different embedding and head: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(all []safetensors.Tensor) []safetensors.Tensor
		want   string
	}{
		{"missing", func(all []safetensors.Tensor) []safetensors.Tensor { return all[1:] },
			`no such tensor "model.embed_tokens.weight"`},
		{"head", func(all []safetensors.Tensor) []safetensors.Tensor { return all[:len(all)-1] },
			"needs tie_word_embeddings true"},
		{"shape", func(all []safetensors.Tensor) []safetensors.Tensor {
			all[0].Shape = []int{6, 5}
			return all
		}, `tensor "model.embed_tokens.weight" has shape [6 5], config.json asks for [5 6]`},
		{"many", func(all []safetensors.Tensor) []safetensors.Tensor { return all[3:] }, "(and 2 more"},
		{"bias", func(all []safetensors.Tensor) []safetensors.Tensor {
			return append(all, safetensors.Tensor{Name: "model.layers.0.self_attn.q_proj.bias",
				Shape: []int{12}, DType: safetensors.F32, Load: safetensors.Values(make([]float32, 12))})
		}, `"model.layers.0.self_attn.q_proj.bias" is no part`},
	} {
		_, err := Open(folder(t, tiny(false), c.change(weights(tiny(false)))), "some/model")
		if err == nil || !strings.Contains(err.Error(), c.want) ||
			!strings.HasPrefix(err.Error(), "model some/model: ") {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
	if _, err := Open(fstest.MapFS{}, "x"); err == nil ||
		!strings.Contains(err.Error(), "no config.json") {
		t.Errorf("empty folder: %v", err)
	}
}

func TestTensorRefusesNaN(t *testing.T) {
	all := weights(tiny(true))
	values, _ := all[2].Load()
	values[3] = float32(math.Inf(-1))
	all[2].Load = safetensors.Values(values)
	f, err := Open(folder(t, tiny(true), all), "x")
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Tensor(all[2].Name, all[2].Shape)
	if err == nil || !strings.Contains(err.Error(), all[2].Name) ||
		!strings.Contains(err.Error(), "element 3 is -Inf") {
		t.Errorf("infinite value: %v", err)
	}
}

func TestOldBuffersAreIgnored(t *testing.T) {
	all := append(weights(tiny(true)), safetensors.Tensor{
		Name:  "model.layers.0.self_attn.rotary_emb.inv_freq",
		Shape: []int{2}, DType: safetensors.F32, Load: safetensors.Values([]float32{1, 0.1})})
	if _, err := Open(folder(t, tiny(true), all), "x"); err != nil {
		t.Error(err)
	}
}

const minimal = `"vocab_size": 5, "hidden_size": 6, "intermediate_size": 7, "num_hidden_layers": 2,
	"num_attention_heads": 3, "architectures": ["LlamaForCausalLM"]`

func TestParseConfigDefaults(t *testing.T) {
	c, err := ParseConfig([]byte(`{` + minimal + `, "num_key_value_heads": null, "head_dim": null}`))
	if err != nil {
		t.Fatal(err)
	}
	want := model.Config{Vocab: 5, Hidden: 6, Layers: 2, Heads: 3, KVHeads: 3, HeadDim: 2, FFN: 7,
		Eps: 1e-6}
	if c.Model != want || c.RoPE.Theta != 10000 || c.RoPE.Max != 2048 || c.BOS != -1 || c.EOS != nil {
		t.Errorf("got %+v", c)
	}
}

func TestParseConfigRefuses(t *testing.T) {
	for _, c := range []struct{ extra, want string }{
		{`"hidden_act": "gelu"`, `hidden_act is "gelu": only SwiGLU`},
		{`"attention_dropout": 0.1`, "attention_dropout is 0.1"},
		{`"sliding_window": 4096`, "sliding_window is 4096"},
		{`"quantization_config": {"bits": 4}`, "use the unquantized weights"},
		{`"auto_map": {"AutoModel": "x.Y"}`, "auto_map"},
		{`"layer_types": ["full_attention", "sliding_attention"]`, "layer_types"},
		{`"architectures": ["MixtralForCausalLM"]`, "MixtralForCausalLM"},
		{`"model_type": "mixtral"`, "mixtral"},
		{`"model_type": "mistral"`, `["LlamaForCausalLM"] with model_type "mistral"`},
		{`"rope_scaling": {"type": "ntk"}`, `"ntk" is not supported`},
		{`"rope_theta": 0`, "rope_theta is 0"},
		{`"num_key_value_heads": 2`, "no multiple of num_key_value_heads 2"},
		{`"num_attention_heads": 4`, "no multiple of num_attention_heads 4"},
		{`"head_dim": 5`, "head_dim 5 is odd"},
		{`"vocab_size": "many"`, `vocab_size is "many"`},
		{`"eos_token_id": "x"`, "eos_token_id"},
		{`"hidden_size": null`, "hidden_size is missing"},
		{`"rms_norm_eps": 0`, "rms_norm_eps is 0"},
	} {
		_, err := ParseConfig([]byte("{" + minimal + "," + c.extra + "}"))
		if err == nil || !strings.Contains(err.Error(), c.want) ||
			!strings.HasPrefix(err.Error(), "config.json: ") {
			t.Errorf("%s: error %v, want one with %q", c.extra, err, c.want)
		}
	}
	for _, config := range []string{"", "[]", "{}", "null"} {
		if _, err := ParseConfig([]byte(config)); err == nil {
			t.Errorf("%q is accepted", config)
		}
	}
	_, err := ParseConfig([]byte("{" + minimal + `, "hidden_act": "relu", "auto_map": {}}`))
	if err == nil || !strings.Contains(err.Error(), "relu") ||
		!strings.Contains(err.Error(), "auto_map") {
		t.Errorf("two problems: %v", err)
	}
}

func TestEncodeKeepsUnknownKeys(t *testing.T) {
	c, err := ParseConfig([]byte("{" + minimal + `, "pretraining_tp": 1, "use_cache": true,
		"rms_norm_eps": 1e-06, "dtype": "float32", "eos_token_id": [2, 4], "initializer_range": 0.02, "head_dim": 2}`))
	if err != nil {
		t.Fatal(err)
	}
	if c.RoPE, err = rope.Extend(c.RoPE, rope.Linear, 2048, 8192); err != nil {
		t.Fatal(err)
	}
	c.DType = "bfloat16"
	data, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(data, []byte("1e-06")) {
		t.Errorf("rms_norm_eps has another spelling: %s", data)
	}
	scaling, _ := got["rope_scaling"].(map[string]any)
	for key, want := range map[string]any{"pretraining_tp": 1.0, "use_cache": true,
		"initializer_range": 0.02, "dtype": "bfloat16", "torch_dtype": nil,
		"max_position_embeddings": 8192.0, "original_max_position_embeddings": 2048.0} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	if scaling["type"] != "linear" || scaling["rope_type"] != "linear" || scaling["factor"] != 4.0 {
		t.Errorf("rope_scaling is %v", scaling)
	}
	again, err := ParseConfig(data)
	if err != nil || again.Model != c.Model || !slices.Equal(again.EOS, []int{2, 4}) ||
		again.RoPE.Factor != 4 || again.RoPE.Original != 2048 {
		t.Errorf("read again: %+v, %v", again, err)
	}
	if second, err := again.Encode(); err != nil || !bytes.Equal(second, data) {
		t.Errorf("written again: %s, %v; want %s", second, err, data)
	}
}

func TestWriteAndOpen(t *testing.T) {
	dir := t.TempDir()
	c := NewConfig(tiny(false), plain(), 1, 2)
	notes := Notes{Context: 12, Original: 16, Method: "lora", Pattern: "s2", Group: 4}
	if err := Write(dir, c, notes, weights(c.Model), 500); err != nil {
		t.Fatal(err)
	}
	f, err := Open(os.DirFS(dir), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Config.Model != c.Model || f.Context() != 12 || f.Notes.Group != 4 ||
		f.Config.DType != "float32" {
		t.Errorf("got %+v, %+v", f.Config, f.Notes)
	}
	source := fstest.MapFS{"tokenizer.json": {Data: []byte("{}")}, "NOTICE": {Data: []byte("x")}}
	f.fsys = source
	if err := f.CopyCompanions(dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range source {
		got, err := os.ReadFile(dir + "/" + name)
		if err != nil || !bytes.Equal(got, want.Data) {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

func TestReadNotes(t *testing.T) {
	for text, want := range map[string]string{
		`{"version": 2}`:      "version 2, this build reads version 1",
		`{}`:                  "version 0",
		`{"version": "1"}`:    NotesName,
		`{"version": 1, "x":`: NotesName,
	} {
		_, err := ReadNotes(fstest.MapFS{NotesName: {Data: []byte(text)}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", text, err, want)
		}
	}
	if n, err := ReadNotes(fstest.MapFS{}); err != nil || n.Version != 0 {
		t.Errorf("no file: %+v, %v", n, err)
	}
}
