package family

import "longlora/trainer/model"

// qwen2 is Qwen 2 and 2.5: LLaMA with biases before attention, and a window in its last layers if
// use_sliding_window says so.
func qwen2() Family {
	return Family{
		Type: "qwen2", Architecture: "Qwen2ForCausalLM",
		Defaults: `{"rms_norm_eps": 1e-6, "num_key_value_heads": 32, "use_sliding_window": false,
			"sliding_window": 4096, "max_window_layers": 28, "max_position_embeddings": 32768}`,
		Rules: qwenRules,
		Read: func(k *Keys, c *model.Config) {
			c.Arch.Family, c.Arch.QKVBias = "qwen2", true
			readShape(k, c)
			readQwenWindow(k, c)
		},
		Fields: shapeFields,
		Arch:   qwenArch,
	}
}

// qwen3 is Qwen 3: each head's queries and keys are normalised, and there are no biases unless
// attention_bias says so.
func qwen3() Family {
	return Family{
		Type: "qwen3", Architecture: "Qwen3ForCausalLM",
		Defaults: `{"rms_norm_eps": 1e-6, "num_key_value_heads": 32, "head_dim": 128,
			"use_sliding_window": false, "sliding_window": 4096, "max_window_layers": 28,
			"max_position_embeddings": 32768}`,
		Rules: qwenRules,
		Read: func(k *Keys, c *model.Config) {
			c.Arch.Family, c.Arch.QKNorm = "qwen3", true
			readShape(k, c)
			readBias(k, c)
			readQwenWindow(k, c)
		},
		Fields: shapeFields,
		Arch: func(c model.Config) map[string]any {
			fields := qwenArch(c)
			fields["attention_bias"] = c.Arch.QKVBias
			return fields
		},
	}
}

var qwenRules = []Rule{
	swiGLU,
	{"mlp_bias", []string{"false"}, "the family has no biases there"},
	{"use_mrope", []string{"false"}, "only positions of text are supported"},
}

func readQwenWindow(k *Keys, c *model.Config) {
	var use bool
	var first int
	k.May("use_sliding_window", &use)
	k.May("max_window_layers", &first)
	if use {
		k.May("sliding_window", &c.Arch.Window)
	}
	readLayers(k, c, func(layer int) bool { return c.Arch.Window > 0 && layer >= first })
}

func qwenArch(c model.Config) map[string]any {
	fields := map[string]any{"hidden_act": "silu", "use_sliding_window": c.Arch.Window > 0}
	if c.Arch.Window > 0 {
		fields["sliding_window"], fields["layer_types"] = c.Arch.Window, layerTypes(c)
	}
	return fields
}
