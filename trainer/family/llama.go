package family

import "longlora/trainer/model"

// llama is LLaMA 1 to 3.
func llama() Family {
	return Family{
		Type: "llama", Architecture: "LlamaForCausalLM",
		Defaults: `{"rms_norm_eps": 1e-6}`,
		Rules: []Rule{
			swiGLU,
			{"sliding_window", nil, "set it to null if the context is within the window"},
		},
		Read: func(k *Keys, c *model.Config) {
			readShape(k, c)
			readBias(k, c)
			k.May("mlp_bias", &c.Arch.MLPBias)
			allGlobal(k, c)
		},
		Fields: shapeFields,
		Arch: func(c model.Config) map[string]any {
			return map[string]any{"hidden_act": "silu", "attention_bias": c.Arch.QKVBias,
				"mlp_bias": c.Arch.MLPBias}
		},
	}
}

// allGlobal refuses local layers.
func allGlobal(k *Keys, c *model.Config) {
	readLayers(k, c, func(int) bool { return false })
	if c.Arch.Local != "" {
		k.Fail("layer_types", "all layers must have full attention")
	}
}
