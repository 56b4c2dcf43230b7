package family

import "longlora/trainer/model"

// gptNeoX is GPT-NeoX and Pythia: LayerNorm, biases everywhere, one projection for queries, keys and
// values, a part of each head that turns, and attention beside the MLP.
func gptNeoX() Family {
	return Family{
		Type: "gpt_neox", Architecture: "GPTNeoXForCausalLM", Partial: true,
		Defaults: `{"layer_norm_eps": 1e-5, "hidden_act": "gelu", "use_parallel_residual": true,
			"attention_bias": true, "rotary_pct": 0.25, "rotary_emb_base": 10000}`,
		Rules: []Rule{
			{"hidden_dropout", []string{"0", "0.0"}, "set it to 0"},
		},
		Read: readNeoX,
		Fields: func(c model.Config) map[string]any {
			fields := sizeFields(c)
			fields["layer_norm_eps"] = c.Eps
			return fields
		},
		Arch: func(c model.Config) map[string]any {
			act := "gelu"
			if c.Arch.Activation == model.GELUTanh {
				act = "gelu_pytorch_tanh"
			}
			return map[string]any{"hidden_act": act, "use_parallel_residual": c.Arch.Parallel,
				"attention_bias": c.Arch.QKVBias}
		},
		Rope: func(k *Keys) {
			k.Move("rotary_emb_base", "rope_theta")
			k.Move("rotary_pct", "partial_rotary_factor")
		},
		Named: func(fields map[string]any, c model.Config) {
			fields["rotary_emb_base"] = fields["rope_theta"]
			fields["rotary_pct"] = float64(c.RotaryDim()) / float64(c.HeadDim)
			delete(fields, "rope_theta")
		},
	}
}

func readNeoX(k *Keys, c *model.Config) {
	a := &c.Arch
	a.Family, a.Norm, a.Fused, a.MLPBias = "gpt_neox", model.LayerNorm, true, true
	readSizes(k, c)
	k.Need("layer_norm_eps", &c.Eps)
	k.May("use_parallel_residual", &a.Parallel)
	readBias(k, c)
	fillHeads(k, c)
	var act string
	switch k.May("hidden_act", &act); act {
	case "gelu":
		a.Activation = model.GELU
	case "gelu_new", "gelu_pytorch_tanh", "gelu_fast":
		a.Activation = model.GELUTanh
	default:
		k.Fail("hidden_act", "only gelu and its approximation by tanh (gelu_new, gelu_pytorch_tanh, "+
			"gelu_fast) are supported")
	}
}
