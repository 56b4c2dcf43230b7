package oracle

import (
	"fmt"
	"maps"
	"math"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"longlora/kernels/difference"
)

// tiny is a two-layer model with grouped queries, adapters and two head groups that see different
// segments.
func tiny(tied bool) (Spec, Params, []int32, []int32, []float64) {
	const tokens = 7
	rng := rand.New(rand.NewSource(1))
	s := Spec{
		Layers: 2, Hidden: 8, Heads: 4, KVHeads: 2, HeadDim: 4, FFN: 6, Vocab: 11,
		Eps: 1e-5, LoRAScale: 2, Tied: tied,
		Sees: func(head, i, j int) bool {
			if head < 2 {
				return j <= i && j >= i/4*4
			}
			return j <= i && (i < 2 || j >= 2+(i-2)/4*4)
		},
	}
	for t := range tokens {
		for j := range s.HeadDim / 2 {
			angle := float64(t) * math.Pow(10000, -2*float64(j)/float64(s.HeadDim))
			s.Cos, s.Sin = append(s.Cos, math.Cos(angle)), append(s.Sin, math.Sin(angle))
		}
	}
	p := Params{}
	random := func(name string, n int) {
		v := make([]float64, n)
		for i := range v {
			v[i] = rng.NormFloat64() * 0.5
		}
		p[name] = v
	}
	random("model.embed_tokens.weight", s.Vocab*s.Hidden)
	random("model.norm.weight", s.Hidden)
	if !tied {
		random("lm_head.weight", s.Vocab*s.Hidden)
	}
	for l := range s.Layers {
		prefix := fmt.Sprintf("model.layers.%d.", l)
		random(prefix+"input_layernorm.weight", s.Hidden)
		random(prefix+"post_attention_layernorm.weight", s.Hidden)
		for i, name := range []string{"q", "k", "v"} {
			out := []int{s.Heads, s.KVHeads, s.KVHeads}[i] * s.HeadDim
			random(prefix+"self_attn."+name+"_proj.weight", out*s.Hidden)
			random(prefix+"self_attn."+name+"_proj.lora_A.weight", 2*s.Hidden)
			random(prefix+"self_attn."+name+"_proj.lora_B.weight", out*2)
		}
		random(prefix+"self_attn.o_proj.weight", s.Hidden*s.Heads*s.HeadDim)
		random(prefix+"mlp.gate_proj.weight", s.FFN*s.Hidden)
		random(prefix+"mlp.up_proj.weight", s.FFN*s.Hidden)
		random(prefix+"mlp.down_proj.weight", s.FFN*s.Hidden)
	}
	ids := []int32{3, 1, 4, 1, 5, 9, 2}
	targets := []int32{1, 4, 1, -1, 9, 2, 6}
	weights := []float64{1, 1, 0.5, 1, 2, 1, 1}
	return s, p, ids, targets, weights
}

// TestGraphAgainstDifferences derives the oracle's own graph numerically, by an element of each
// parameter. Tying the head changes nothing in the first layer, which short mode leaves out.
func TestGraphAgainstDifferences(t *testing.T) {
	for _, tied := range []bool{true, false} {
		if testing.Short() && !tied {
			break
		}
		t.Run(fmt.Sprintf("tied=%v", tied), func(t *testing.T) {
			s, p, ids, targets, weights := tiny(tied)
			r, err := Gradients(s, p, ids, targets, weights)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Gradients) != len(p) {
				t.Fatalf("got %d gradients, want %d", len(r.Gradients), len(p))
			}
			rng := rand.New(rand.NewSource(2))
			for _, name := range slices.Sorted(maps.Keys(p)) {
				if tied && strings.HasPrefix(name, "model.layers.0.") {
					continue
				}
				i := rng.Intn(len(p[name]))
				x, one := p[name][i:i+1], r.Gradients[name][i:i+1]
				difference.Check(t, fmt.Sprintf("%s %d", name, i), x, one, func() float64 {
					g := newGraph(s, p, len(ids))
					loss, err := g.run(g.model(ids, targets, weights))
					if err != nil {
						t.Fatal(err)
					}
					return loss
				})
			}
		})
	}
}

func TestMissingParameterIsNamed(t *testing.T) {
	s, p, ids, targets, weights := tiny(false)
	delete(p, "model.norm.weight")
	_, err := Gradients(s, p, ids, targets, weights)
	if err == nil || err.Error() != "oracle: parameter model.norm.weight is missing" {
		t.Errorf("err = %v, want the missing parameter's name", err)
	}
}
