package family

import "longlora/trainer/model"

// mistral is Mistral 7B and its like: LLaMA with a window in every layer, or in none.
func mistral() Family {
	return Family{
		Type: "mistral", Architecture: "MistralForCausalLM",
		Defaults: `{"rms_norm_eps": 1e-6, "num_key_value_heads": 8, "sliding_window": 4096,
			"max_position_embeddings": 131072}`,
		Rules: []Rule{
			swiGLU,
			{"attention_bias", []string{"false"}, "the family has no biases"},
			{"mlp_bias", []string{"false"}, "the family has no biases"},
		},
		Read: func(k *Keys, c *model.Config) {
			c.Arch.Family = "mistral"
			readShape(k, c)
			k.May("sliding_window", &c.Arch.Window)
			if window := c.Arch.Window; k.Has("layer_types") {
				// The layers of this family are alike, whatever it says.
				readLayers(k, c, func(int) bool { return window > 0 })
				for _, kind := range c.Arch.Local {
					if kind != model.LocalLayer {
						k.Fail("layer_types", "all layers must have the window, or none")
						break
					}
				}
				if window > 0 && c.Arch.Window == 0 {
					k.Fail("sliding_window", "layer_types says that no layer has it; set it to null")
				}
				c.Arch.Local = ""
			}
		},
		Fields: shapeFields,
		Arch: func(c model.Config) map[string]any {
			return map[string]any{"hidden_act": "silu", "sliding_window": orNull(c.Arch.Window)}
		},
	}
}
