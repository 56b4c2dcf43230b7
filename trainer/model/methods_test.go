package model

import (
	"math"
	"slices"
	"strings"
	"testing"

	"longlora/kernels"
	"longlora/kernels/pattern"
	"longlora/kernels/reference"
)

// methods are ways to train that have parameters of their own.
func methods(c Config) map[string]Options {
	with := func(change func(*LoRA)) Options {
		o := loraPlus(c)
		change(o.LoRA)
		return o
	}
	all := map[string]Options{
		"dora":    with(func(l *LoRA) { l.DoRA, l.Targets = true, Targets() }),
		"rs-lora": with(func(l *LoRA) { l.RootScale = true }),
		"ranks": with(func(l *LoRA) {
			l.Targets = Targets()
			l.Ranks = []Override{{`layers\.1\.self_attn\.q_proj`, 5}, {"up_proj", 1}}
			l.Alphas = []Override{{"down_proj", 2}, {".*_proj", 7}}
		}),
		"head and embedding": with(func(l *LoRA) { l.Targets = []string{"q_proj", "lm_head", "embed_tokens"} }),
		"dora of the head":   with(func(l *LoRA) { l.DoRA, l.Targets = true, []string{"up_proj", "lm_head"} }),
	}
	rows := with(func(l *LoRA) { l.EmbedTokens = []int{36, 0, 7, 3, 9, 11, 12} })
	rows.Train = []string{"norm"}
	all["tokens"] = rows
	if !c.Tied {
		both := with(func(l *LoRA) { l.EmbedTokens, l.HeadTokens = []int{3, 5}, []int{36, 1, 5} })
		both.Train = nil
		all["tokens of both"] = both
	}
	frozen := all["head and embedding"]
	frozen.Train = nil
	all["head and frozen embedding"] = frozen
	return all
}

func TestMethodsByDifferences(t *testing.T) {
	for name, o := range methods(small) {
		t.Run(name, func(t *testing.T) { byDifferences(t, small, o) })
	}
	t.Run("tokens, tied", func(t *testing.T) {
		byDifferences(t, tied(small), methods(tied(small))["tokens"])
	})
}

// TestMethodsOnCPU: the CPU's gradients, with dropout, are the reference's. Adapters that dropout hits
// see the same masks.
func TestMethodsOnCPU(t *testing.T) {
	for name, o := range methods(small) {
		t.Run(name, func(t *testing.T) {
			o.LoRA.Dropout = 0.2
			batch := packed(small, 8, pattern.S2, 8, 19, 1, 60)
			batch.Seed = 5
			exact := newModel(t, open(t, "reference", 1), small, o)
			m := newModel(t, open(t, "cpu", 3), small, o)
			got, want := gradient(t, m, 1, batch), gradient(t, exact, 1, batch)
			if math.Abs(got-want) > 1e-5*math.Abs(want) {
				t.Errorf("loss %g, want %g", got, want)
			}
			wantClose(t, grads(m), grads(exact), 1e-4)
		})
	}
}

// TestMethodsSameBits: results have the same bits for any number of threads, and whatever is computed
// again.
func TestMethodsSameBits(t *testing.T) {
	for name, o := range methods(small) {
		o.LoRA.Dropout = 0.2
		batch := packed(small, 8, pattern.S2, 8, 19, 1, 60)
		batch.Seed = 5
		var want map[string][]float32
		for i, threads := range []int{1, 3} {
			o.Again = []Again{{Attention: i > 0, MLP: i > 0}}
			m := newModel(t, open(t, "cpu", threads), small, o)
			gradient(t, m, 1, batch)
			got := grads(m)
			if want == nil {
				want = got
			}
			for p := range want {
				if !slices.Equal(got[p], want[p]) {
					t.Errorf("%s: %d threads change a gradient", name, threads)
				}
			}
		}
	}
}

// TestDoRAAtStart: with B zero and magnitudes that are the norms of rows, a model computes what its
// base does; and its magnitudes have gradients.
func TestDoRAAtStart(t *testing.T) {
	eachBackend(t, func(t *testing.T, b kernels.Backend) {
		o := methods(small)["dora"]
		m := newModel(t, b, small, o)
		if err := m.InitAdapters(3); err != nil {
			t.Fatal(err)
		}
		o.LoRA = nil
		plain := newModel(t, b, small, o)
		for _, p := range plain.Params() {
			if err := plain.SetParam(p, m.Values(m.Params().Lookup(p.Name))); err != nil {
				t.Fatal(err)
			}
		}
		batch := packed(small, 9, pattern.Full, 0, 40)
		got, want := gradient(t, m, 1, batch), gradient(t, plain, 1, batch)
		if math.Abs(got-want) > 64*0x1p-24*want {
			t.Errorf("loss %g, the base's is %g", got, want)
		}
		for _, p := range m.Params() {
			if strings.HasSuffix(p.Name, LoRAMagnitude) {
				g := make([]float32, p.Len())
				b.Read(g, p.Grad)
				if !slices.ContainsFunc(g, func(v float32) bool { return v != 0 }) {
					t.Errorf("%s has no gradient", p.Name)
				}
			}
		}
	})
}

// TestPacked: a model with packed matrices computes, to the bit, what one with the values that they
// stand for does; the memory is what is counted, and what a base stores is taken as it is.
func TestPacked(t *testing.T) {
	for _, packing := range []Packing{NF4, NF4Single, Int8} {
		t.Run(packing.String(), func(t *testing.T) {
			b := open(t, "cpu", 2)
			o := loraPlus(small)
			wide := newModel(t, b, small, o)
			o.Packed = packing
			narrow := newModel(t, b, small, o)
			exact := newModel(t, open(t, "reference", 1), small, o)
			for _, p := range narrow.Params() {
				if p.Packed != nil {
					other := wide.Params().Lookup(p.Name)
					dequantised := unpacked(t, exact.Params().Lookup(p.Name))
					if err := wide.SetParam(other, dequantised); err != nil {
						t.Fatal(err)
					}
				}
			}
			batch := packed(small, 9, pattern.S2, 8, 50)
			got, want := gradient(t, narrow, 1, batch), gradient(t, wide, 1, batch)
			if got != want {
				t.Errorf("loss %g, want %g", got, want)
			}
			for i, g := range grads(narrow) {
				if !slices.Equal(g, grads(wide)[i]) {
					t.Errorf("gradient %s differs", i)
				}
			}
			if truth := gradient(t, exact, 1, batch); math.Abs(got-truth) > 1e-5*truth {
				t.Errorf("loss %g, the reference's %g", got, truth)
			}
			a, _ := narrow.StateBytes()
			if full, _ := wide.StateBytes(); a >= full {
				t.Errorf("%d bytes of parameters, %d in f32", a, full)
			}
		})
	}
}

// unpacked returns the values that a packed matrix of the reference backend stands for, by a product
// with the identity.
func unpacked(t *testing.T, p *Param) []float32 {
	t.Helper()
	b := reference.New()
	in, out := p.shape[1], p.shape[0]
	a, err := b.NewArena(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	x, y := a.Alloc(kernels.F32, in, in), a.Alloc(kernels.F32, in, out)
	one := make([]float32, in*in)
	for i := range in {
		one[i*in+i] = 1
	}
	b.Write(x, one)
	b.Linear(y, x, kernels.Linear{W: p.Packed}, kernels.Tensor{}, false)
	turned, values := make([]float32, in*out), make([]float32, in*out)
	b.Read(turned, y)
	for i := range in {
		for o := range out {
			values[o*in+i] = turned[i*out+o]
		}
	}
	return values
}

func TestAdapters(t *testing.T) {
	c := small
	for _, x := range []struct {
		name string
		l    LoRA
		want []string
	}{
		{"ends of names", LoRA{Targets: []string{"q_proj"}},
			[]string{"model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj"}},
		{"longer ends", LoRA{Targets: []string{"1.mlp.up_proj", "lm_head"}},
			[]string{"lm_head", "model.layers.1.mlp.up_proj"}},
		{"layers", LoRA{Targets: []string{"q_proj", "lm_head", "model.layers.0.mlp.up_proj"}, Layers: []int{1}},
			[]string{"lm_head", "model.layers.0.mlp.up_proj", "model.layers.1.self_attn.q_proj"}},
		{"pattern", LoRA{Pattern: `.*\.0\.(mlp\.up|self_attn\.[qk])_proj`},
			[]string{"model.layers.0.mlp.up_proj", "model.layers.0.self_attn.k_proj",
				"model.layers.0.self_attn.q_proj"}},
		{"a pattern matches whole names", LoRA{Pattern: `q_proj`}, nil},
		{"exclude", LoRA{Targets: []string{"q_proj", "k_proj"}, Exclude: []string{"1.self_attn.q_proj", "k_proj"}},
			[]string{"model.layers.0.self_attn.q_proj"}},
	} {
		x.l.Rank, x.l.Alpha = 4, 8
		found, err := c.Adapters(&x.l)
		var got []string
		for module := range found {
			got = append(got, module)
		}
		slices.Sort(got)
		if !slices.Equal(got, x.want) || (err != nil) != (x.want == nil) {
			t.Errorf("%s: got %v, %v; want %v", x.name, got, err, x.want)
		}
	}
}

// TestOverrides: the first entry that fits counts, as PEFT reads rank_pattern and alpha_pattern.
func TestOverrides(t *testing.T) {
	l := &LoRA{Targets: []string{"q_proj", "k_proj", "up_proj"}, Rank: 4, Alpha: 8, RootScale: true,
		Ranks:  []Override{{`1\.self_attn\.q_proj`, 16}, {"q_proj", 2}},
		Alphas: []Override{{`self_attn\..*`, 10}}}
	found, err := small.Adapters(l)
	if err != nil {
		t.Fatal(err)
	}
	for module, want := range map[string]Adapter{
		"model.layers.0.self_attn.q_proj": {2, 10 / math.Sqrt(2)},
		"model.layers.1.self_attn.q_proj": {16, 10.0 / 4},
		"model.layers.1.self_attn.k_proj": {4, 10.0 / 2},
		"model.layers.0.mlp.up_proj":      {4, 8.0 / 2},
	} {
		if found[module] != want {
			t.Errorf("%s: %+v, want %+v", module, found[module], want)
		}
	}
}

func TestAdaptersRefused(t *testing.T) {
	capped, neoX := small, small
	capped.Arch = Arch{LogitCap: 30}
	neoX.KVHeads, neoX.Arch = neoX.Heads, Arch{Family: neox, Norm: LayerNorm, Fused: true}
	for _, x := range []struct {
		c    Config
		l    LoRA
		want string
	}{
		{small, LoRA{Targets: []string{"wings"}}, `unknown target "wings"`},
		{small, LoRA{Targets: []string{"roj"}}, `unknown target "roj"`},
		{small, LoRA{Targets: []string{"q_proj"}, Ranks: []Override{{"wings", 3}}}, "matches no module"},
		{small, LoRA{Pattern: "x.*"}, "matches no module"},
		{small, LoRA{Pattern: "(?=x)"}, "pattern"},
		{tied(small), LoRA{Targets: []string{"lm_head"}}, "lm_head is tied"},
		{tied(small), LoRA{Targets: []string{"embed_tokens"}}, "embed_tokens is tied"},
		{small, LoRA{Targets: []string{"embed_tokens"}, DoRA: true}, "embed_tokens is no linear layer"},
		{small, LoRA{Targets: []string{"q_proj"}, EmbedTokens: []int{37}}, "37 is outside vocabulary 37"},
		{small, LoRA{Targets: []string{"q_proj"}, HeadTokens: []int{3, 3}}, "there twice"},
		{tied(small), LoRA{Targets: []string{"q_proj"}, HeadTokens: []int{3}}, "it is tied"},
		{small, LoRA{Targets: []string{"lm_head"}, HeadTokens: []int{3}}, "it has an adapter"},
		{capped, LoRA{Targets: []string{"lm_head"}}, "lm_head bounds its logits"},
		{neoX, LoRA{Targets: []string{"dense"}, EmbedTokens: []int{3}}, "gpt_neox cannot be trained alone"},
	} {
		x.l.Rank, x.l.Alpha = 4, 8
		if _, err := x.c.Adapters(&x.l); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%+v: error %v, want %q", x.l, err, x.want)
		}
		o := loraPlus(x.c)
		o.LoRA = &x.l
		if _, err := New(reference.New(), x.c, o); err == nil {
			t.Errorf("%+v: a model is made", x.l)
		}
	}
}
