package family

import (
	"fmt"

	"longlora/trainer/model"
)

// readSizes reads the sizes that all families have.
func readSizes(k *Keys, c *model.Config) {
	k.Need("vocab_size", &c.Vocab)
	k.Need("hidden_size", &c.Hidden)
	k.Need("intermediate_size", &c.FFN)
	k.Need("num_hidden_layers", &c.Layers)
	k.Need("num_attention_heads", &c.Heads)
	k.May("tie_word_embeddings", &c.Tied)
}

// readShape reads those and what most families have beside.
func readShape(k *Keys, c *model.Config) {
	readSizes(k, c)
	k.May("num_key_value_heads", &c.KVHeads)
	k.May("head_dim", &c.HeadDim)
	k.Need("rms_norm_eps", &c.Eps)
	fillHeads(k, c)
}

// readBias reads whether the linear layers of attention have biases.
func readBias(k *Keys, c *model.Config) {
	k.May("attention_bias", &c.Arch.QKVBias)
	c.Arch.OutBias = c.Arch.QKVBias
}

// fillHeads settles what is not given of the heads.
func fillHeads(k *Keys, c *model.Config) {
	if c.KVHeads == 0 {
		c.KVHeads = c.Heads
	}
	if c.HeadDim != 0 || c.Heads <= 0 {
		return
	}
	if c.Hidden%c.Heads != 0 {
		k.errs = append(k.errs, fmt.Errorf("hidden_size %d is no multiple of num_attention_heads %d and "+
			"there is no head_dim", c.Hidden, c.Heads))
	}
	c.HeadDim = c.Hidden / c.Heads
}

// sizeFields are the keys that readSizes reads.
func sizeFields(c model.Config) map[string]any {
	return map[string]any{
		"vocab_size": c.Vocab, "hidden_size": c.Hidden, "intermediate_size": c.FFN,
		"num_hidden_layers": c.Layers, "num_attention_heads": c.Heads,
		"tie_word_embeddings": c.Tied,
	}
}

// shapeFields are the keys that readShape reads.
func shapeFields(c model.Config) map[string]any {
	fields := sizeFields(c)
	fields["num_key_value_heads"], fields["head_dim"] = c.KVHeads, c.HeadDim
	fields["rms_norm_eps"] = c.Eps
	return fields
}

// The values of layer_types.
const (
	sliding = "sliding_attention"
	full    = "full_attention"
)

// readLayers reads layer_types into Arch.Local: without it, byDefault says which layers are local.
func readLayers(k *Keys, c *model.Config, byDefault func(layer int) bool) {
	var types []string
	k.May("layer_types", &types)
	local := make([]byte, 0, c.Layers)
	some := false
	for l := range max(c.Layers, 0) {
		here := byDefault(l)
		if types != nil {
			if l >= len(types) || types[l] != sliding && types[l] != full {
				k.Fail("layer_types", fmt.Sprintf("want %q or %q for each of %d layers", full, sliding,
					c.Layers))
				return
			}
			here = types[l] == sliding
		}
		kind := byte(model.GlobalLayer)
		if here {
			kind, some = model.LocalLayer, true
		}
		local = append(local, kind)
	}
	if len(types) > c.Layers {
		k.Fail("layer_types", fmt.Sprintf("there are %d layers", c.Layers))
	}
	if !some {
		c.Arch.Window = 0
		return
	}
	if c.Arch.Window <= 0 {
		k.errs = append(k.errs, fmt.Errorf("layers with sliding_attention need a sliding_window"))
	}
	c.Arch.Local = string(local)
}

// layerTypes are the values of layer_types.
func layerTypes(c model.Config) []string {
	var types []string
	for l := range c.Layers {
		if c.Arch.Window > 0 && (c.Arch.Local == "" || c.Arch.Local[l] == model.LocalLayer) {
			types = append(types, sliding)
		} else {
			types = append(types, full)
		}
	}
	return types
}

// orNull is the value of a key that is null where there is none.
func orNull[T comparable](v T) any {
	var none T
	if v == none {
		return nil
	}
	return v
}
