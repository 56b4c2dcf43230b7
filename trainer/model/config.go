package model

import (
	"errors"
	"fmt"
	"strings"
)

// Config is the shape of a model.
type Config struct {
	Vocab   int     `json:"vocab_size"`
	Hidden  int     `json:"hidden_size"`
	Layers  int     `json:"num_hidden_layers"`
	Heads   int     `json:"num_attention_heads"`
	KVHeads int     `json:"num_key_value_heads"`
	HeadDim int     `json:"head_dim"`
	FFN     int     `json:"intermediate_size"`
	Eps     float32 `json:"rms_norm_eps"`
	// Tied says that the head is the embedding: one tensor, EmbedName.
	Tied bool `json:"tie_word_embeddings"`
	// Arch is what sets the model's family apart from LLaMA.
	Arch Arch `json:"architecture,omitzero"`
}

// Validate reports every value that no model can have.
func (c Config) Validate() error {
	var all []error
	for _, f := range []struct {
		name  string
		value int
	}{
		{"vocab_size", c.Vocab}, {"hidden_size", c.Hidden}, {"num_hidden_layers", c.Layers},
		{"num_attention_heads", c.Heads}, {"num_key_value_heads", c.KVHeads},
		{"head_dim", c.HeadDim}, {"intermediate_size", c.FFN},
	} {
		if f.value <= 0 {
			all = append(all, fmt.Errorf("%s is %d, want more than 0", f.name, f.value))
		}
	}
	if c.KVHeads > 0 && c.Heads%c.KVHeads != 0 {
		all = append(all, fmt.Errorf("num_attention_heads %d is no multiple of num_key_value_heads %d",
			c.Heads, c.KVHeads))
	}
	if err := c.Arch.validate(c); err != nil {
		all = append(all, err)
	}
	if c.HeadDim%2 != 0 && c.Arch.Rotary == 0 {
		all = append(all, fmt.Errorf("head_dim %d is odd: rotary positions turn pairs", c.HeadDim))
	}
	if !(c.Eps > 0) {
		all = append(all, fmt.Errorf("rms_norm_eps is %g, want more than 0", c.Eps))
	}
	if err := errors.Join(all...); err != nil {
		return fmt.Errorf("model configuration: %w", err)
	}
	return nil
}

// Suffixes that the parameters of a LoRA adapter add to their linear layer's module name. PEFT's
// files put "base_model.model." before the whole.
const (
	LoRAA = ".lora_A.weight"
	LoRAB = ".lora_B.weight"
	// LoRAMagnitude is DoRA's [out].
	LoRAMagnitude = ".lora_magnitude_vector"
	// EmbedA [vocab, r] and EmbedB [hidden, r] are the embedding's. PEFT's files have the former
	// transposed.
	EmbedA = ".lora_embedding_A"
	EmbedB = ".lora_embedding_B"
	// TokenRows is [n, hidden]: rows of the embedding or the head that are trained alone, whole and not
	// as differences.
	TokenRows = ".token_adapter.trainable_tokens_delta"
)

// IsAdapter reports whether a parameter's name is that of an adapter's.
func IsAdapter(name string) bool {
	for _, suffix := range []string{LoRAA, LoRAB, LoRAMagnitude, EmbedA, EmbedB, TokenRows} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

// linearModules are the linear layers of a decoder layer, by the last part of their module name.
var linearModules = [...]string{
	"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
	"mlp.gate_proj", "mlp.up_proj", "mlp.down_proj",
}

// indices into linearModules.
const (
	qProj = iota
	kProj
	vProj
	oProj
	gateProj
	upProj
	downProj
	linears
)

// linearShape returns the number of output and input features of a linear layer.
func (c Config) linearShape(module int) (out, in int) {
	switch module {
	case qProj:
		if c.Arch.Fused {
			return 3 * c.Heads * c.HeadDim, c.Hidden
		}
		return c.Heads * c.HeadDim, c.Hidden
	case kProj, vProj:
		return c.KVHeads * c.HeadDim, c.Hidden
	case oProj:
		return c.Hidden, c.Heads * c.HeadDim
	case downProj:
		return c.Hidden, c.FFN
	}
	return c.FFN, c.Hidden
}
