package parity

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"longlora/internal/testdata"
	"longlora/kernels"
	"longlora/kernels/plan"
	"longlora/trainer/model"
	"longlora/trainer/rope"
)

// torchtune is the vector of torchtune's own test of LoRA in LLaMA 2. Every parameter is
// arange(n)/n; the rotary embedding turns neighbours; the final norm is taken away.
type torchtune struct {
	Config struct {
		Vocab   int     `json:"vocab_size"`
		Layers  int     `json:"num_layers"`
		Heads   int     `json:"num_heads"`
		KVHeads int     `json:"num_kv_heads"`
		Hidden  int     `json:"embed_dim"`
		FFN     int     `json:"ffn_hidden"`
		Context int     `json:"max_seq_len"`
		Rank    int     `json:"lora_rank"`
		Alpha   float64 `json:"lora_alpha"`
		Eps     float64 `json:"norm_eps"`
		Theta   float64 `json:"rope_theta"`
	}
	Tokens [][]int32
	Cases  []placement
	RTol   float64
}

// placement says where LoRA is.
type placement struct {
	LoRA   []string
	MLP    bool    `json:"mlp_lora"`
	Output bool    `json:"output_lora"`
	Mean   float64 `json:"mean_logits"`
}

func (p placement) targets() []string {
	var all []string
	for _, name := range p.LoRA {
		all = append(all, strings.Replace(name, "output_proj", "o_proj", 1))
	}
	if p.MLP {
		all = append(all, "gate_proj", "up_proj", "down_proj")
	}
	return all
}

// marker is the value of one more channel of the residual stream, which no layer writes and only
// one more row of the head reads: that logit tells by what the final norm divided a token, so
// that its effect can be taken back. The layers' norms are changed so as not to see the channel;
// its square is far below their eps.
const marker = 0x1p-20

func TestTorchtuneLoRA(t *testing.T) {
	data, err := os.ReadFile(testdata.Shared(t, "vectors", "torchtune", "lora_llama2_forward.json"))
	if err != nil {
		t.Fatal(err)
	}
	var v torchtune
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	for _, p := range v.Cases {
		for _, backend := range []string{"reference", "cpu"} {
			got := v.meanLogits(t, newBackend(t, backend), p)
			if e := math.Abs(got/p.Mean - 1); e > v.RTol {
				t.Errorf("LoRA on %v, output %v, on %s: mean logit %v, want %v: differs by %.2g",
					p.targets(), p.Output, backend, got, p.Mean, e)
			}
		}
	}
}

func (v torchtune) meanLogits(t *testing.T, b kernels.Backend, p placement) float64 {
	t.Helper()
	c := v.Config
	grown := float64(c.Hidden) / float64(c.Hidden+1)
	shape := model.Config{Vocab: c.Vocab + 1, Hidden: c.Hidden + 1, Layers: c.Layers, Heads: c.Heads,
		KVHeads: c.KVHeads, HeadDim: c.Hidden / c.Heads, FFN: c.FFN, Eps: float32(c.Eps * grown)}
	r := rope.Spec{Kind: rope.Default, Theta: c.Theta, Factor: 1, Max: c.Context, Original: c.Context}
	m, err := model.New(b, shape, model.Options{
		Context: c.Context, Rotary: r.Rotary(shape.HeadDim),
		Planner: func() kernels.Backend { return plan.New() },
		LoRA:    &model.LoRA{Targets: p.targets(), Rank: c.Rank, Alpha: c.Alpha},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Load(m.Params(), v.source(shape, p, math.Sqrt(grown))); err != nil {
		t.Fatal(err)
	}
	var sum float64
	for _, ids := range v.Tokens {
		err := m.Logits(model.Document(ids, c.Heads), func(_ int, logits []float32) error {
			scale := float64(logits[c.Vocab]) / marker // what the final norm multiplied by
			for _, x := range logits[:c.Vocab] {
				sum += float64(x) / scale
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return sum / float64(len(v.Tokens)*len(v.Tokens[0])*c.Vocab)
}

// source returns torchtune's parameters for a model with one more channel and one more token. norm
// is what the layers' norms are multiplied by.
func (v torchtune) source(shape model.Config, p placement, norm float64) model.Source {
	return func(name string, s []int) ([]float32, error) {
		if len(s) == 1 {
			w := append(arange(1, s[0]-1), 0)
			for i := range w {
				w[i] = float32(float64(w[i]) * norm)
			}
			if name == model.NormName {
				for i := range w {
					w[i] = 1
				}
			}
			return w, nil
		}
		rows, columns := s[0], s[1]
		if rows == shape.Hidden || rows == shape.Vocab {
			rows--
		}
		if columns == shape.Hidden {
			columns--
		}
		w := arange(rows, columns)
		if strings.Contains(name, "q_proj") || strings.Contains(name, "k_proj") {
			if rows > v.Config.Rank {
				w = halves(w, columns, shape.HeadDim)
			}
		}
		if name == model.HeadName && p.Output {
			v.addLoRA(w, rows, columns)
		}
		w = grow(w, rows, columns, s[0], s[1])
		switch name {
		case model.EmbedName:
			for i := range s[0] {
				w[i*s[1]+s[1]-1] = marker
			}
		case model.HeadName:
			w[len(w)-1] = 1
		}
		return w, nil
	}
}

// arange is arange(n)/n in float32.
func arange(rows, columns int) []float32 {
	w := make([]float32, rows*columns)
	for i := range w {
		w[i] = float32(i) / float32(len(w))
	}
	return w
}

// grow puts a matrix [rows, columns] into the corner of a larger one [height, width] of zeros.
func grow(w []float32, rows, columns, height, width int) []float32 {
	out := make([]float32, height*width)
	for i := range rows {
		copy(out[i*width:], w[i*columns:(i+1)*columns])
	}
	return out
}

// halves reorders the rows of each head, from pairs that are neighbours to pairs that are half a
// head apart.
func halves(w []float32, columns, headDim int) []float32 {
	out := make([]float32, 0, len(w))
	for head := 0; head < len(w)/columns; head += headDim {
		for _, first := range []int{0, 1} {
			for j := first; j < headDim; j += 2 {
				out = append(out, w[(head+j)*columns:(head+j+1)*columns]...)
			}
		}
	}
	return out
}

// addLoRA adds the head's LoRA to its weight: models here have none on the head.
func (v torchtune) addLoRA(w []float32, rows, columns int) {
	rank := v.Config.Rank
	a, b := arange(rank, columns), arange(rows, rank)
	for i := range rows {
		for j := range columns {
			sum := float64(w[i*columns+j])
			for r := range rank {
				sum += v.Config.Alpha / float64(rank) * float64(b[i*rank+r]) * float64(a[r*columns+j])
			}
			w[i*columns+j] = float32(sum)
		}
	}
}
