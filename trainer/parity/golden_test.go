package parity

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"longlora/internal/testdata"
	"longlora/kernels"
	"longlora/kernels/cpu"
	"longlora/kernels/pattern"
	"longlora/kernels/plan"
	"longlora/kernels/reference"
	"longlora/trainer/data"
	"longlora/trainer/hf"
	"longlora/trainer/model"
	"longlora/trainer/safetensors"
)

// golden is a case that scripts/oracle/parity.py or families.py wrote.
type golden struct {
	Model   string // a folder of the real inputs; empty: Config is whole and weights are by formula
	Config  map[string]json.RawMessage
	Group   int // of S²-Attn, 0: full attention
	Targets []string
	Rank    int
	Fields  fields   // of LoraConfig beside
	Beside  []string // modules trained in full
	LR      float64  // 0: 1e-3
	IDs     []int32
	Rows    []int // whose logits are stored
	Losses  []float64
	Norms   []float64
	// Naive is the error of PyTorch in float32 against PyTorch in float64: of the logits the
	// greatest difference, of the others the greatest relative one of any step or tensor.
	Naive struct{ Logits, Losses, Gradient, Update float64 }

	file *safetensors.File
}

// fields are those of PEFT's LoraConfig that make another method of LoRA.
type fields struct {
	UseDoRA      bool               `json:"use_dora"`
	UseRSLoRA    bool               `json:"use_rslora"`
	RankPattern  map[string]float64 `json:"rank_pattern"`
	AlphaPattern map[string]float64 `json:"alpha_pattern"`
}

// lora returns the case's adapters. Its patterns do not overlap, so that their order is no matter.
func (g *golden) lora() *model.LoRA {
	list := func(m map[string]float64) (all []model.Override) {
		for key, value := range m {
			all = append(all, model.Override{Key: key, Value: value})
		}
		return all
	}
	return &model.LoRA{
		Targets: g.Targets, Rank: g.Rank, Alpha: 2 * float64(g.Rank), DoRA: g.Fields.UseDoRA,
		RootScale: g.Fields.UseRSLoRA, Ranks: list(g.Fields.RankPattern),
		Alphas: list(g.Fields.AlphaPattern),
	}
}

func readGolden(t *testing.T, name string) *golden {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	g := &golden{}
	if err := json.Unmarshal(text, g); err != nil {
		t.Fatal(err)
	}
	if g.file, err = safetensors.Open(os.DirFS("testdata"), name+".safetensors"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.file.Close() })
	return g
}

// tensor returns stored values.
func (g *golden) tensor(t *testing.T, name string) []float64 {
	t.Helper()
	values, _, err := g.file.Floats(name)
	if err != nil {
		t.Fatal(err)
	}
	return widen(values)
}

func widen(values []float32) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = float64(v)
	}
	return out
}

// config returns the case's configuration.
func (g *golden) config(t *testing.T) hf.Config {
	t.Helper()
	fields := map[string]json.RawMessage{}
	if g.Config["model_type"] == nil {
		fields["architectures"] = json.RawMessage(`["LlamaForCausalLM"]`)
	}
	if g.Model != "" {
		text, err := os.ReadFile(filepath.Join(testdata.Shared(t, "models", g.Model), hf.ConfigName))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &fields); err != nil {
			t.Fatal(err)
		}
	}
	for key, value := range g.Config {
		fields[key] = value
	}
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	c, err := hf.ParseConfig(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// model makes and fills the case's model.
func (g *golden) model(t *testing.T, b kernels.Backend) *model.Model {
	t.Helper()
	c := g.config(t)
	o := model.Options{
		Context: len(g.IDs), Training: true,
		Planner: func() kernels.Backend { return plan.New() }, Train: []string{model.TrainAll},
	}
	if len(g.Targets) > 0 {
		o.LoRA, o.Train = g.lora(), []string{"embed", "norm"}
		if len(g.Beside) > 0 && !slices.Contains(g.Beside, "embed_tokens") {
			o.Train = []string{"norm"}
		}
	}
	c.SetRotary(&o)
	m, err := model.New(b, c.Model, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := m.Load(m.Params(), g.source(t)); err != nil {
		t.Fatal(err)
	}
	return m
}

// source returns the case's values: a folder's with LoRA by formula, or all by formula.
func (g *golden) source(t *testing.T) model.Source {
	t.Helper()
	plus := g.config(t).Model.Arch.Norm == model.RMSNormPlus
	byFormula := func(name string, shape []int) ([]float32, error) {
		return byFormula(name, shape, plus)
	}
	base := byFormula
	if g.Model != "" {
		dir := testdata.Shared(t, "models", g.Model)
		f, err := hf.Open(os.DirFS(dir), dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		base = f.Tensor
	}
	return func(name string, shape []int) ([]float32, error) {
		if model.IsAdapter(name) {
			return byFormula(name, shape)
		}
		return base(name, shape)
	}
}

// byFormula gives norms around 1, or 0 if they are added to 1, LoRA's A in ±1/8 and B in ±1/16, others
// in ±1/4.
func byFormula(name string, shape []int, plus bool) ([]float32, error) {
	n := 1
	for _, s := range shape {
		n *= s
	}
	values := uniform(name, n)
	for i, u := range values {
		switch {
		case strings.HasSuffix(name, "norm.weight") && plus:
			values[i] = u / 8
		case strings.HasSuffix(name, "norm.weight"), strings.HasSuffix(name, model.LoRAMagnitude):
			values[i] = 1 + u/8
		case strings.HasSuffix(name, model.LoRAA), strings.HasSuffix(name, model.EmbedA):
			values[i] = u / 8
		case strings.HasSuffix(name, model.LoRAB), strings.HasSuffix(name, model.EmbedB):
			values[i] = u / 16
		default:
			values[i] = u / 4
		}
	}
	return values, nil
}

// layout returns the case's attention.
func (g *golden) layout(heads int) data.Layout {
	return data.Layout{Segments: func(lens []int32) kernels.Segments {
		l := pattern.Layout{DocLens: lens, Heads: heads, Group: g.Group}
		if g.Group == 0 {
			return pattern.Full(l)
		}
		return pattern.S2(l)
	}}
}

// batch returns the case's tokens as one document.
func (g *golden) batch(heads int) *model.Batch {
	b := model.Document(g.IDs, heads)
	b.Segments = g.layout(heads).Segments([]int32{int32(len(g.IDs))})
	return b
}

func newBackend(t *testing.T, name string) kernels.Backend {
	t.Helper()
	var b kernels.Backend = reference.New()
	if name == "cpu" {
		var err error
		if b, err = cpu.New(2); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}
