package peft

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"longlora/trainer/hf"
	"longlora/trainer/model"
	"longlora/trainer/rope"
	"longlora/trainer/safetensors"
)

func tiny(tied bool) model.Config {
	return model.Config{Vocab: 5, Hidden: 6, Layers: 2, Heads: 3, KVHeads: 1, HeadDim: 4, FFN: 7,
		Eps: 1e-5, Tied: tied}
}

func lora() model.LoRA {
	return model.LoRA{Targets: []string{"q_proj", "v_proj"}, Rank: 2, Alpha: 4}
}

// trained returns what a training of groups would save; the values of a tensor differ from those of
// others.
func trained(c model.Config, l model.LoRA, groups ...string) []safetensors.Tensor {
	var all []safetensors.Tensor
	params := model.Describe(c, model.Options{LoRA: &l, Train: groups}).Trainable()
	for i, p := range params {
		values := make([]float32, p.Len())
		for j := range values {
			values[j] = float32(i) + float32(j)/256
		}
		all = append(all, safetensors.Tensor{Name: p.Name, Shape: p.Shape(), DType: safetensors.F32,
			Load: safetensors.Values(values)})
	}
	return all
}

func saved(c model.Config, l model.LoRA, tensors []safetensors.Tensor) Saved {
	r := rope.Spec{Kind: rope.Linear, Theta: 10000, Factor: 4, Max: 64, Original: 16}
	return Saved{LoRA: l, Base: "some/base", Config: hf.NewConfig(c, r, 1, 2),
		Notes: hf.Notes{Context: 64, Method: "lora"}, Tensors: tensors}
}

func TestWriteAndOpen(t *testing.T) {
	for _, c := range []struct {
		tied    bool
		groups  []string
		modules string
	}{
		{true, []string{"embed", "norm"},
			"embed_tokens input_layernorm lm_head norm post_attention_layernorm"},
		{false, []string{"embed", "norm"}, "embed_tokens input_layernorm norm post_attention_layernorm"},
		{false, []string{"embed", "head"}, "embed_tokens lm_head"},
		{true, nil, ""},
	} {
		dir, config := t.TempDir(), tiny(c.tied)
		tensors := trained(config, lora(), c.groups...)
		if err := Write(dir, saved(config, lora(), tensors)); err != nil {
			t.Fatal(err)
		}
		a, err := Open(os.DirFS(dir), dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Fit(config); err != nil {
			t.Fatal(err)
		}
		if a.LoRA.Rank != 2 || a.LoRA.Alpha != 4 || !slices.Equal(a.LoRA.Targets, lora().Targets) ||
			!slices.Equal(a.Train, c.groups) || a.Base != "some/base" || a.Config.RoPE.Factor != 4 ||
			a.Notes.Context != 64 {
			t.Errorf("tied %v: %+v", c.tied, a)
		}
		data, err := os.ReadFile(filepath.Join(dir, ConfigName))
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parseConfig(data)
		if err != nil || strings.Join(parsed.ModulesToSave, " ") != c.modules {
			t.Errorf("tied %v: modules_to_save %v, %v; want %s", c.tied, parsed.ModulesToSave, err,
				c.modules)
		}
		for _, want := range tensors {
			got, err := a.Tensor(want.Name, want.Shape)
			values, _ := want.Load()
			if err != nil || !slices.Equal(got, values) {
				t.Errorf("%s: %v, %v", want.Name, got, err)
			}
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestOpenOfPEFT reads what PEFT wrote (scripts/oracle/adapter.py).
func TestOpenOfPEFT(t *testing.T) {
	for _, name := range []string{"tied", "untied"} {
		a, err := Open(os.DirFS(filepath.Join("testdata", name)), name)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		c := model.Config{Vocab: 12, Hidden: 8, Layers: 2, Heads: 2, KVHeads: 1, HeadDim: 6, FFN: 10,
			Eps: 1e-6, Tied: name == "tied"}
		if err := a.Fit(c); err != nil {
			t.Fatal(err)
		}
		targets := []string{"q_proj", "k_proj", "v_proj", "o_proj"}
		if a.LoRA.Rank != 3 || a.LoRA.Alpha != 6 || !slices.Equal(a.LoRA.Targets, targets) ||
			!slices.Equal(a.Train, []string{"embed", "norm"}) {
			t.Errorf("%s: %+v", name, a)
		}
		// The script gives element i of the k-th tensor, in order of names, the value (k+1) +
		// i/1024.
		k := 0
		for _, info := range a.files[0].Tensors() {
			values, _, err := a.files[0].Floats(info.Name)
			if err != nil {
				t.Fatal(err)
			}
			k++
			if info.Name == prefix+model.HeadName {
				continue // equal to embed_tokens
			}
			if last := len(values) - 1; values[0] != float32(k) ||
				values[last] != float32(k)+float32(last)/1024 {
				t.Errorf("%s: %s runs from %v to %v", name, info.Name, values[0], values[last])
			}
		}
	}
}

// TestRewriteOfPEFT holds the writer against PEFT: the same tensors give the same bytes.
func TestRewriteOfPEFT(t *testing.T) {
	dir := filepath.Join("testdata", "tied")
	a, err := Open(os.DirFS(dir), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	c := model.Config{Vocab: 12, Hidden: 8, Layers: 2, Heads: 2, KVHeads: 1, HeadDim: 6, FFN: 10,
		Eps: 1e-6, Tied: true}
	if err := a.Fit(c); err != nil {
		t.Fatal(err)
	}
	var tensors []safetensors.Tensor
	params := model.Describe(c, model.Options{LoRA: &a.LoRA, Train: a.Train}).Trainable()
	for _, p := range params {
		values, err := a.Tensor(p.Name, p.Shape())
		if err != nil {
			t.Fatal(err)
		}
		tensors = append(tensors, safetensors.Tensor{Name: p.Name, Shape: p.Shape(),
			DType: safetensors.F32, Load: safetensors.Values(values)})
	}
	out := t.TempDir()
	if err := Write(out, saved(c, a.LoRA, tensors)); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(out, WeightsName))
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(dir, WeightsName))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes differ from PEFT's %d", len(got), len(want))
	}
}

func TestOver(t *testing.T) {
	dir, c := t.TempDir(), tiny(true)
	if err := Write(dir, saved(c, lora(), trained(c, lora(), "embed"))); err != nil {
		t.Fatal(err)
	}
	a, err := Open(os.DirFS(dir), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	source := a.Over(func(name string, _ []int) ([]float32, error) { return []float32{-1}, nil })
	norm, err := source(model.NormName, []int{6})
	if err != nil || norm[0] != -1 {
		t.Errorf("norm %v, %v: want the base's", norm, err)
	}
	if embed, err := source(model.EmbedName, []int{5, 6}); err != nil || embed[0] != 0 {
		t.Errorf("embedding %v, %v: want the adapter's", embed, err)
	}
}

func TestConfigRefuses(t *testing.T) {
	const good = `"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"]`
	if _, err := parseConfig([]byte("{" + good + "}")); err != nil {
		t.Error(err)
	}
	for _, c := range []struct{ config, want string }{
		{good + `, "use_dora": "yes"`, "use_dora"},
		{good + `, "bias": "all"`, `bias is "all"`},
		{good + `, "rank_pattern": {"q_proj": "x"}`, "rank_pattern"},
		{good + `, "rank_pattern": [4]`, "rank_pattern"},
		{good + `, "layers_to_transform": "0"`, "layers_to_transform"},
		{good + `, "exclude_modules": ".*q_proj"`, "exclude_modules"},
		{good + `, "lora_bias": true`, "lora_bias is true"},
		{good + `, "init_lora_weights": "x", "use_qalora": true`, "use_qalora is true"},
		{good + `, "something_new": 7`, "something_new is 7"},
		{good + `, "task_type": "SEQ_CLS"`, "SEQ_CLS"},
		{`"peft_type": "IA3", "r": 1, "lora_alpha": 1, "target_modules": ["q_proj"]`, "IA3"},
		{`"peft_type": "LORA", "lora_alpha": 1, "target_modules": ["q_proj"]`, "r is missing"},
		{`"peft_type": "LORA", "r": 2, "lora_alpha": "x", "target_modules": ["q_proj"]`, "lora_alpha"},
	} {
		_, err := parseConfig([]byte("{" + c.config + "}"))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.config, err, c.want)
		}
	}
}

func TestTargets(t *testing.T) {
	for value, want := range map[string]string{
		`"all-linear"`:                        "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj",
		`["v_proj", "lm_head", "q_proj"]`:     "q_proj v_proj lm_head",
		`["model.layers.0.self_attn.q_proj"]`: "model.layers.0.self_attn.q_proj",
		`".*q_proj"`:                          "/.*q_proj",
	} {
		c, err := parseConfig([]byte(`{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ` +
			value + "}"))
		got := strings.Join(c.Targets.names, " ")
		if c.Targets.pattern != "" {
			got += "/" + c.Targets.pattern
		}
		if err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", value, got, err, want)
		}
	}
}

// TestConfigRoundTrip: everything that says which modules have which adapter is read as it was written.
func TestConfigRoundTrip(t *testing.T) {
	for _, want := range []model.LoRA{
		{Targets: []string{"q_proj", "model.layers.3.mlp.up_proj"}, Rank: 2, Alpha: 4.5, Dropout: 0.1,
			Layers: []int{1, 2}, Exclude: []string{"k_proj"}, RootScale: true, DoRA: true},
		{Pattern: `.*\.(q|k)_proj`, Rank: 2, Alpha: 4,
			Ranks:  []model.Override{{Key: "z", Value: 3}, {Key: `a\.b`, Value: 5}, {Key: "m", Value: 1}},
			Alphas: []model.Override{{Key: "q_proj", Value: 0.5}}},
	} {
		text, err := newConfig(want, "base", nil).encode()
		if err != nil {
			t.Fatal(err)
		}
		c, err := parseConfig(text)
		if got := c.lora(); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v: got %+v, want %+v", err, got, want)
		}
	}
}

func TestFitRefuses(t *testing.T) {
	c := tiny(true)
	all := func() []safetensors.Tensor { return trained(c, lora(), "embed", "norm") }
	at := func(tensors []safetensors.Tensor, name string) int {
		return slices.IndexFunc(tensors, func(t safetensors.Tensor) bool { return t.Name == name })
	}
	q := "model.layers.1.self_attn.q_proj"
	for _, k := range []struct {
		name   string
		change func([]safetensors.Tensor) []safetensors.Tensor
		want   string
	}{
		{"no B", func(ts []safetensors.Tensor) []safetensors.Tensor {
			return slices.Delete(ts, at(ts, q+model.LoRAB), at(ts, q+model.LoRAB)+1)
		}, `no such tensor "base_model.model.` + q + ".lora_B.weight"},
		{"a norm less", func(ts []safetensors.Tensor) []safetensors.Tensor {
			return slices.Delete(ts, at(ts, model.NormName), at(ts, model.NormName)+1)
		}, "model.norm.weight"},
		{"rank", func(ts []safetensors.Tensor) []safetensors.Tensor {
			ts[at(ts, q+model.LoRAA)].Shape = []int{6, 2}
			return ts
		}, "has shape [6 2]"},
		{"unknown", func(ts []safetensors.Tensor) []safetensors.Tensor {
			ts[at(ts, q+model.LoRAA)].Name = "model.layers.7.self_attn.q_proj.lora_A.weight"
			return ts
		}, "lora_A.weight"},
	} {
		dir := t.TempDir()
		if err := Write(dir, saved(c, lora(), k.change(all()))); err != nil {
			t.Fatal(err)
		}
		a, err := Open(os.DirFS(dir), "some/adapter")
		if err != nil {
			t.Fatal(err)
		}
		err = a.Fit(c)
		if err == nil || !strings.Contains(err.Error(), k.want) ||
			!strings.HasPrefix(err.Error(), "adapter some/adapter: ") {
			t.Errorf("%s: error %v, want one with %q", k.name, err, k.want)
		}
	}
	dir := t.TempDir()
	if err := Write(dir, saved(c, lora(), all())); err != nil {
		t.Fatal(err)
	}
	a, err := Open(os.DirFS(dir), "x")
	if err != nil {
		t.Fatal(err)
	}
	other := c
	other.FFN = 8
	if err := a.Fit(other); err == nil || !strings.Contains(err.Error(), "another shape") {
		t.Errorf("another base: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	config := &fstest.MapFile{Data: []byte(`{"peft_type": "LORA", "r": 2, "lora_alpha": 4,
		"target_modules": ["q_proj"]}`)}
	var foreign bytes.Buffer
	if err := safetensors.Write(&foreign, nil, trained(tiny(true), lora())); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		fsys fstest.MapFS
		want string
	}{
		{fstest.MapFS{}, "no adapter_config.json"},
		{fstest.MapFS{ConfigName: config}, "neither adapter_model.safetensors"},
		{fstest.MapFS{ConfigName: config, WeightsName: {Data: foreign.Bytes()}},
			"does not begin with base_model.model."},
	} {
		_, err := Open(c.fsys, "x")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}

func TestWriteRefusesFullAndLoRA(t *testing.T) {
	c := tiny(true)
	err := Write(t.TempDir(), saved(c, lora(), trained(c, lora(), "linear")))
	if err == nil || !strings.Contains(err.Error(), "train one of them") {
		t.Errorf("error %v", err)
	}
}
