package family

import (
	"encoding/json"

	"longlora/trainer/model"
)

// gemma2 is Gemma 2: norms whose weights are added to 1, also after attention and MLP, GeGLU, scaled
// embeddings, windows in every other layer, bounded scores and logits.
func gemma2() Family {
	return Family{
		Type: "gemma2", Architecture: "Gemma2ForCausalLM",
		Defaults: `{"rms_norm_eps": 1e-6, "num_key_value_heads": 4, "head_dim": 256,
			"hidden_activation": "gelu_pytorch_tanh", "max_position_embeddings": 8192,
			"tie_word_embeddings": true, "query_pre_attn_scalar": 256, "sliding_window": 4096,
			"final_logit_softcapping": 30.0, "attn_logit_softcapping": 50.0}`,
		Rules: gemmaRules,
		Read: func(k *Keys, c *model.Config) {
			c.Arch.Family = "gemma2"
			readGemma(k, c, func(layer int) bool { return layer%2 == 0 })
			k.May("attn_logit_softcapping", &c.Arch.ScoreCap)
		},
		Fields: shapeFields,
		Arch: func(c model.Config) map[string]any {
			fields := gemmaArch(c)
			fields["attn_logit_softcapping"] = orNull(c.Arch.ScoreCap)
			return fields
		},
	}
}

var gemmaRules = []Rule{
	{"hidden_activation", []string{`"gelu_pytorch_tanh"`},
		"only GeGLU by tanh (gelu_pytorch_tanh) is supported"},
	{"use_bidirectional_attention", []string{"false"}, "only causal attention is supported"},
}

func readGemma(k *Keys, c *model.Config, local func(layer int) bool) {
	a := &c.Arch
	a.Norm, a.Activation, a.PostNorms, a.EmbedScale = model.RMSNormPlus, model.GeGLU, true, true
	readShape(k, c)
	readBias(k, c)
	k.Need("query_pre_attn_scalar", &a.ScoreScalar)
	k.May("sliding_window", &a.Window)
	k.May("final_logit_softcapping", &a.LogitCap)
	readLayers(k, c, func(layer int) bool { return a.Window > 0 && local(layer) })
}

func gemmaArch(c model.Config) map[string]any {
	fields := map[string]any{
		"hidden_activation": "gelu_pytorch_tanh", "attention_bias": c.Arch.QKVBias,
		"query_pre_attn_scalar":   c.Arch.ScoreScalar,
		"final_logit_softcapping": orNull(c.Arch.LogitCap), "layer_types": layerTypes(c),
	}
	if c.Arch.Window > 0 {
		fields["sliding_window"] = c.Arch.Window
	}
	return fields
}

// gemma3 is the text model of Gemma 3: Gemma 2 whose queries and keys are normalised in place of
// bounds, with windows in five of six layers, which turn by a theta of their own.
func gemma3() Family {
	return Family{
		Type: "gemma3_text", Architecture: "Gemma3ForCausalLM", Two: true,
		Defaults: `{"rms_norm_eps": 1e-6, "num_key_value_heads": 4, "head_dim": 256,
			"hidden_activation": "gelu_pytorch_tanh", "max_position_embeddings": 131072,
			"tie_word_embeddings": true, "query_pre_attn_scalar": 256, "sliding_window": 4096,
			"sliding_window_pattern": 6}`,
		Rules: append([]Rule{{"attn_logit_softcapping", nil, "the family does not bound scores"}},
			gemmaRules...),
		Read: func(k *Keys, c *model.Config) {
			c.Arch.Family, c.Arch.QKNorm, c.Arch.LocalTables = "gemma3_text", true, true
			var pattern int
			k.May("sliding_window_pattern", &pattern)
			readGemma(k, c, func(layer int) bool { return pattern > 0 && (layer+1)%pattern != 0 })
		},
		Fields: shapeFields,
		Arch:   gemmaArch,
		Rope:   gemma3Rope,
		Named:  gemma3Named,
	}
}

// gemma3Rope takes the two kinds of layers of rope_parameters apart, as package rope reads them.
func gemma3Rope(k *Keys) {
	var both map[string]json.RawMessage
	k.May("rope_parameters", &both)
	if both[full] != nil || both[sliding] != nil {
		k.Raw["rope_parameters"] = both[full]
		if both[full] == nil {
			delete(k.Raw, "rope_parameters")
		}
		var local struct {
			Type  string          `json:"rope_type"`
			Theta json.RawMessage `json:"rope_theta"`
		}
		if err := json.Unmarshal(both[sliding], &local); both[sliding] != nil && err != nil {
			k.errs = append(k.errs, err)
		}
		if local.Type != "" && local.Type != "default" {
			k.Fail("rope_parameters", "local layers must have the default rope_type")
		}
		if local.Theta != nil {
			k.Raw["rope_local_base_freq"] = local.Theta
		}
	}
	k.Fill(`{"rope_theta": 1000000.0, "rope_local_base_freq": 10000.0}`)
}

func gemma3Named(fields map[string]any, _ model.Config) {
	fields["rope_parameters"] = map[string]any{
		full: fields["rope_parameters"],
		sliding: map[string]any{"rope_type": "default",
			"rope_theta": fields["rope_local_base_freq"]},
	}
}
