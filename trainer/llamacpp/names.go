package llamacpp

import (
	"fmt"
	"strings"

	"longlora/trainer/model"
)

// The names that tensors without a counterpart in model folders have.
const (
	freqsName = "rope_freqs.weight"
	longName  = "rope_factors_long.weight"
	shortName = "rope_factors_short.weight"
)

// outside are the tensors outside the layers: our name, llama.cpp's.
var outside = [][2]string{
	{model.EmbedName, "token_embd.weight"}, {model.NormName, "output_norm.weight"},
	{model.HeadName, "output.weight"},
}

// inside are the parts of a layer: our name, llama.cpp's.
var inside = [][2]string{
	{"input_layernorm.weight", "attn_norm.weight"},
	{"self_attn.q_proj.weight", "attn_q.weight"}, {"self_attn.k_proj.weight", "attn_k.weight"},
	{"self_attn.v_proj.weight", "attn_v.weight"}, {"self_attn.o_proj.weight", "attn_output.weight"},
	{"post_attention_layernorm.weight", "ffn_norm.weight"},
	{"mlp.gate_proj.weight", "ffn_gate.weight"}, {"mlp.up_proj.weight", "ffn_up.weight"},
	{"mlp.down_proj.weight", "ffn_down.weight"},
	{"self_attn.q_proj.bias", "attn_q.bias"}, {"self_attn.k_proj.bias", "attn_k.bias"},
	{"self_attn.v_proj.bias", "attn_v.bias"},
	{"self_attn.q_norm.weight", "attn_q_norm.weight"},
	{"self_attn.k_norm.weight", "attn_k_norm.weight"},
}

// theirs returns llama.cpp's name of one of ours.
func theirs(name string) (string, error) {
	for _, pair := range outside {
		if pair[0] == name {
			return pair[1], nil
		}
	}
	rest, _ := strings.CutPrefix(name, "model.layers.")
	layer, part, _ := strings.Cut(rest, ".")
	for _, pair := range inside {
		if pair[0] == part {
			return "blk." + layer + "." + pair[1], nil
		}
	}
	return "", fmt.Errorf("tensor %q has no name in GGUF files of LLaMA models", name)
}

// ours returns our name of one of llama.cpp's; the name itself if we have none.
func ours(name string) string {
	for _, pair := range outside {
		if pair[1] == name {
			return pair[0]
		}
	}
	rest, _ := strings.CutPrefix(name, "blk.")
	layer, part, _ := strings.Cut(rest, ".")
	for _, pair := range inside {
		if pair[1] == part {
			return "model.layers." + layer + "." + pair[0]
		}
	}
	return name
}

// turned returns the number of heads if rows of the tensor name are turned by positions, and
// llama.cpp's architecture has them in another order, else 0.
func turned(name string, c model.Config) int {
	switch {
	case families[c.Family()] != architecture:
		return 0
	case strings.HasSuffix(name, "self_attn.q_proj.weight"):
		return c.Heads
	case strings.HasSuffix(name, "self_attn.k_proj.weight"):
		return c.KVHeads
	}
	return 0
}

// interleave moves the rows of a matrix [heads·d, in] from this project's order, in which row j of
// a head turns with row j + d/2, to that of llama.cpp's LLaMA, in which neighbours turn together.
func interleave(w []float32, heads, in int) []float32 {
	return moveRows(w, heads, in, func(row, half int) int { return row%half*2 + row/half })
}

// separate undoes interleave.
func separate(w []float32, heads, in int) []float32 {
	return moveRows(w, heads, in, func(row, half int) int { return row%2*half + row/2 })
}

// moveRows moves row i of each head to row to(i, d/2) of it.
func moveRows(w []float32, heads, in int, to func(row, half int) int) []float32 {
	out := make([]float32, len(w))
	rows := len(w) / in / heads
	for h := range heads {
		for row := range rows {
			from := (h*rows + row) * in
			at := (h*rows + to(row, rows/2)) * in
			copy(out[at:at+in], w[from:from+in])
		}
	}
	return out
}
