package family_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"longlora/kernels"
	"longlora/kernels/cpu"
	"longlora/kernels/pattern"
	"longlora/kernels/plan"
	"longlora/trainer/family"
	"longlora/trainer/hf"
	"longlora/trainer/merge"
	"longlora/trainer/model"
	"longlora/trainer/model/modeltest"
	"longlora/trainer/peft"
	"longlora/trainer/safetensors"
)

const common = `"vocab_size": 41, "hidden_size": 20, "intermediate_size": 26, "num_hidden_layers": 3,
	"num_attention_heads": 4, "bos_token_id": 1, "eos_token_id": [2, 3], "own_key": {"a": [1e-06]},`

// configs has a config.json of each family, by its model_type.
var configs = map[string]string{
	"llama": `{` + common + `"architectures": ["LlamaForCausalLM"], "model_type": "llama",
		"num_key_value_heads": 2, "head_dim": 6, "attention_bias": true, "mlp_bias": true,
		"rms_norm_eps": 1e-05}`,
	"mistral": `{` + common + `"architectures": ["MistralForCausalLM"], "model_type": "mistral",
		"num_key_value_heads": 1, "head_dim": 10, "sliding_window": 7, "rope_theta": 1000000.0}`,
	"qwen2": `{` + common + `"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2",
		"hidden_size": 24, "num_key_value_heads": 2, "tie_word_embeddings": true,
		"use_sliding_window": true, "sliding_window": 6, "max_window_layers": 2}`,
	"qwen3": `{` + common + `"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3",
		"num_key_value_heads": 4, "head_dim": 14}`,
	"gpt_neox": `{` + common + `"architectures": ["GPTNeoXForCausalLM"], "model_type": "gpt_neox",
		"hidden_size": 24, "num_attention_heads": 3, "rotary_pct": 0.25, "rotary_emb_base": 10000}`,
	"gemma2": `{` + common + `"architectures": ["Gemma2ForCausalLM"], "model_type": "gemma2",
		"num_key_value_heads": 2, "head_dim": 8, "sliding_window": 5, "attn_logit_softcapping": 2.0,
		"final_logit_softcapping": 3.0, "query_pre_attn_scalar": 6}`,
	"gemma3_text": `{` + common + `"architectures": ["Gemma3ForCausalLM"],
		"model_type": "gemma3_text", "num_key_value_heads": 1, "head_dim": 8, "sliding_window": 5,
		"sliding_window_pattern": 2, "rope_scaling": {"rope_type": "linear", "factor": 8.0}}`,
}

// each runs a test on every family.
func each(t *testing.T, f func(t *testing.T, c hf.Config)) {
	for _, family := range family.Table() {
		t.Run(family.Type, func(t *testing.T) {
			c, err := hf.ParseConfig([]byte(configs[family.Type]))
			if err != nil {
				t.Fatal(err)
			}
			f(t, c)
		})
	}
}

// TestConfigLosesNothing: what is written has every key that was read, and reads as the same.
func TestConfigLosesNothing(t *testing.T) {
	each(t, func(t *testing.T, c hf.Config) {
		data, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := hf.ParseConfig(data)
		if err != nil {
			t.Fatal(err)
		}
		if again.Model != c.Model || fmt.Sprint(again.RoPE) != fmt.Sprint(c.RoPE) {
			t.Errorf("%+v\nis read again as\n%+v", c, again)
		}
		var before, after map[string]any
		if err := json.Unmarshal([]byte(configs[c.Model.Family()]), &before); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &after); err != nil {
			t.Fatal(err)
		}
		for key, want := range before {
			if got := fmt.Sprint(after[key]); key != "rope_scaling" && got != fmt.Sprint(want) {
				t.Errorf("%s is %s, was %v", key, got, want)
			}
		}
		made := hf.NewConfig(c.Model, c.RoPE, 1, 2, 3) // as of a file that has no config.json
		if data, err = made.Encode(); err != nil {
			t.Fatal(err)
		}
		if again, err = hf.ParseConfig(data); err != nil || again.Model != c.Model {
			t.Errorf("made anew: %v; %+v, want %+v", err, again.Model, c.Model)
		}
	})
}

func TestRefuses(t *testing.T) {
	for _, c := range []struct{ family, extra, want string }{
		{"mistral", `"attention_bias": true`, "attention_bias is true"},
		{"mistral", `"hidden_act": "gelu"`, `hidden_act is "gelu"`},
		{"mistral", `"layer_types": ["sliding_attention", "full_attention", "sliding_attention"]`,
			"all layers must have the window"},
		{"mistral", `"sliding_window": -3`, "sliding_window is -3"},
		{"mistral", `"quantization_config": {}`, "use the unquantized weights"},
		{"qwen2", `"layer_types": ["full_attention"]`, "for each of 3 layers"},
		{"qwen2", `"layer_types": ["full_attention", "chunked_attention", "full_attention"]`, "chunked"},
		{"qwen2", `"use_mrope": true`, "use_mrope is true"},
		{"qwen2", `"sliding_window": null, "layer_types": ["full_attention", "sliding_attention",
			"full_attention"]`, "need a sliding_window"},
		{"qwen3", `"rope_scaling": {"type": "mrope"}`, `"mrope" is not supported`},
		{"gpt_neox", `"hidden_act": "relu"`, `hidden_act is "relu"`},
		{"gpt_neox", `"hidden_dropout": 0.1`, "hidden_dropout is 0.1"},
		{"gpt_neox", `"rotary_pct": 0.4`, "3 of a head's 8 dimensions turn"},
		{"gpt_neox", `"rotary_pct": 1.5`, "partial_rotary_factor is 1.5"},
		{"gemma2", `"hidden_activation": "gelu"`, `hidden_activation is "gelu"`},
		{"gemma2", `"use_bidirectional_attention": true`, "only causal attention"},
		{"gemma2", `"partial_rotary_factor": 0.5`, "partial_rotary_factor 0.5"},
		{"gemma3_text", `"attn_logit_softcapping": 50.0`, "does not bound scores"},
		{"gemma3_text", `"rope_parameters": {"full_attention": {"rope_type": "default"},
			"sliding_attention": {"rope_type": "linear", "factor": 2.0}}`, "must have the default"},
		{"gemma3_text", `"architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3"`,
			"use the text model alone"},
	} {
		var fields, extra map[string]json.RawMessage
		for text, to := range map[string]*map[string]json.RawMessage{
			configs[c.family]: &fields, "{" + c.extra + "}": &extra} {
			if err := json.Unmarshal([]byte(text), to); err != nil {
				t.Fatal(err)
			}
		}
		for key, value := range extra {
			fields[key] = value
		}
		data, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = hf.ParseConfig(data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %s: error %v, want one with %q", c.family, c.extra, err, c.want)
		}
	}
}

func planner() kernels.Backend { return plan.New() }

// newModel makes a model of random values, with adapters on all linear layers if it is trained.
func newModel(t *testing.T, c hf.Config, threads int, o model.Options) *model.Model {
	t.Helper()
	b, err := cpu.New(threads)
	if err != nil {
		t.Fatal(err)
	}
	o.Context, o.Planner = 64, planner
	if o.Training {
		o.Train = []string{model.TrainAll}
		o.LoRA = &model.LoRA{Targets: c.Model.Targets(), Rank: 2, Alpha: 4, Dropout: 0.1}
	}
	c.SetRotary(&o)
	m, err := model.New(b, c.Model, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close(); b.Close() })
	if err := m.Load(m.Params(), values); err != nil {
		t.Fatal(err)
	}
	return m
}

// values are random by a tensor's name.
func values(name string, shape []int) ([]float32, error) {
	n, seed := 1, uint64(0)
	for _, s := range shape {
		n *= s
	}
	for _, b := range []byte(name) {
		seed = seed*131 + uint64(b)
	}
	rng, all := rand.New(rand.NewPCG(seed, 1)), make([]float32, n)
	for i := range all {
		all[i] = float32(0.3 * rng.NormFloat64())
		if model.GroupOf(name) == model.GroupNorm && strings.HasSuffix(name, ".weight") {
			all[i]++
		}
	}
	return all, nil
}

// batch lays documents of those lengths under a pattern.
func batch(c model.Config, e pattern.Entry, lens ...int32) *model.Batch {
	rng, b := rand.New(rand.NewPCG(3, 3)), &model.Batch{Seed: 9}
	for _, n := range lens {
		for p := range n {
			b.IDs, b.Positions = append(b.IDs, int32(rng.IntN(c.Vocab))), append(b.Positions, p)
			b.Targets, b.Weights = append(b.Targets, int32(rng.IntN(c.Vocab))), append(b.Weights, 1)
		}
	}
	b.Segments = e.Pattern(pattern.Layout{DocLens: lens, Heads: c.Heads, Group: 8})
	return b
}

// TestDecode: a prompt in chunks, then token by token, gives the logits of a forward pass.
func TestDecode(t *testing.T) {
	each(t, func(t *testing.T, c hf.Config) {
		m := newModel(t, c, 2, model.Options{})
		b := batch(c.Model, pattern.Table()[0], 40)
		want := modeltest.Logits(t, m, b)
		d, err := m.NewDecoder(48, 7)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		for _, prompt := range []int{1, 13, 25} {
			d.Truncate(0)
			for n := prompt; n <= 40; n++ {
				got, err := d.Read(b.IDs[d.Len():n]...)
				if err != nil {
					t.Fatal(err)
				}
				// The same sums in another order, of up to 40 terms; some 20 operators one after another.
				v := c.Model.Vocab
				if e := modeltest.Distance(got, want[(n-1)*v:n*v]); e > 128*0x1p-24 {
					t.Fatalf("prompt %d, token %d: differs by %.2g", prompt, n, e)
				}
			}
		}
	})
}

// TestPackedAndCausal: under every pattern documents in one row have the logits that they have alone,
// and no token changes what is before it.
func TestPackedAndCausal(t *testing.T) {
	each(t, func(t *testing.T, c hf.Config) {
		m := newModel(t, c, 2, model.Options{})
		for _, e := range pattern.Table() {
			lens := []int32{13, 1, 20}
			whole := batch(c.Model, e, lens...)
			want, from := modeltest.Logits(t, m, whole), int32(0)
			for _, n := range lens {
				part := batch(c.Model, e, n)
				part.IDs = whole.IDs[from : from+n]
				got := modeltest.Logits(t, m, part)
				v := int32(c.Model.Vocab)
				// The order of sums alone differs, over up to 34 tokens.
				if d := modeltest.Distance(got, want[from*v:(from+n)*v]); d > 64*0x1p-24 {
					t.Errorf("%s: document of %d differs by %.2g", e.Name, n, d)
				}
				from += n
			}
			at := 9
			whole.IDs[at] = (whole.IDs[at] + 1) % int32(c.Model.Vocab)
			after := modeltest.Logits(t, m, whole)
			if !slices.Equal(after[:at*c.Model.Vocab], want[:at*c.Model.Vocab]) {
				t.Errorf("%s: a token changes what is before it", e.Name)
			}
		}
	})
}

// gradients returns all gradients of a batch.
func gradients(t *testing.T, m *model.Model, b *model.Batch) (all []float32) {
	t.Helper()
	m.ZeroGrads()
	if _, err := m.Gradient(b, 0.1); err != nil {
		t.Fatal(err)
	}
	for _, p := range m.Params().Trainable() {
		g := make([]float32, p.Len())
		m.Backend().Read(g, p.Grad)
		all = append(all, g...)
	}
	return all
}

// TestSameBits: neither threads nor what is computed again change a bit of a gradient, and a step
// allocates nothing and takes no more memory than was planned, which an arena refuses.
func TestSameBits(t *testing.T) {
	each(t, func(t *testing.T, c hf.Config) {
		var want []float32
		for i, again := range [][]model.Again{
			nil, {{Attention: true, MLP: true}}, {{Rows: true}}, {{MLP: true}}, {{Attention: true}},
			{{Attention: true, Output: true, Rows: true}},
		} {
			m := newModel(t, c, 1+i%3, model.Options{Training: true, Again: again})
			b := batch(c.Model, pattern.Table()[1], 21, 12)
			got := gradients(t, m, b)
			if want == nil {
				want = got
			}
			if !slices.Equal(got, want) {
				t.Errorf("%v on %d threads: gradients differ", again, 1+i%3)
			}
			n := testing.AllocsPerRun(3, func() {
				if _, err := m.Gradient(b, 0.1); err != nil {
					t.Fatal(err)
				}
			})
			if n != 0 {
				t.Errorf("%v: a gradient makes %g allocations", again, n)
			}
		}
	})
}

// TestFiles writes a model and an adapter of it in Hugging Face's formats, reads and merges them: the
// merged model computes what the adapter over its base does.
func TestFiles(t *testing.T) {
	each(t, func(t *testing.T, c hf.Config) {
		dir, out, merged := t.TempDir(), t.TempDir(), t.TempDir()
		var base, trained []safetensors.Tensor
		lora := model.LoRA{Targets: c.Model.Targets(), Rank: 2, Alpha: 4}
		o := model.Options{LoRA: &lora, Train: []string{"embed", "norm"}}
		for _, p := range model.Describe(c.Model, o) {
			v, _ := values(p.Name, p.Shape())
			x := safetensors.Tensor{Name: p.Name, Shape: p.Shape(), DType: safetensors.F32,
				Load: safetensors.Values(v)}
			if p.Group != model.GroupLoRA {
				base = append(base, x)
			}
			if p.Trainable {
				trained = append(trained, x)
			}
		}
		if err := hf.Write(dir, c, hf.Notes{Context: 64}, base, 0); err != nil {
			t.Fatal(err)
		}
		saved := peft.Saved{LoRA: lora, Base: dir, Config: c, Tensors: trained}
		if err := peft.Write(out, saved); err != nil {
			t.Fatal(err)
		}
		f, err := hf.Open(os.DirFS(dir), dir)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		a, err := peft.Open(os.DirFS(out), out)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		if err := a.Fit(f.Config.Model); err != nil {
			t.Fatal(err)
		}
		over := newModel(t, c, 1, model.Options{LoRA: &lora, Train: o.Train})
		if err := over.Load(over.Params(), a.Over(f.Tensor)); err != nil {
			t.Fatal(err)
		}
		if _, err := merge.Merge(merged, f, a, merge.Options{Overwrite: true}); err != nil {
			t.Fatal(err)
		}
		whole, err := hf.Open(os.DirFS(merged), merged)
		if err != nil {
			t.Fatal(err)
		}
		defer whole.Close()
		alone := newModel(t, whole.Config, 1, model.Options{})
		if err := alone.Load(alone.Params(), whole.Tensor); err != nil {
			t.Fatal(err)
		}
		b := batch(c.Model, pattern.Table()[0], 30)
		// A product of merged weights rounds each of them once.
		if d := modeltest.Distance(modeltest.Logits(t, alone, b), modeltest.Logits(t, over, b)); d > 64*0x1p-24 {
			t.Errorf("merged differs by %.2g", d)
		}
	})
}

// TestOnGPU says which families a GPU computes.
func TestOnGPU(t *testing.T) {
	each(t, func(t *testing.T, c hf.Config) {
		if err := c.Model.OnGPU(); (err == nil) == (c.Model.Family() == "gemma2") {
			t.Errorf("on a GPU: %v", err)
		}
	})
}
