package model

import (
	"fmt"
	"strings"
)

// llama is the model_type of the zero Arch.
const llama = "llama"

// neox is the model_type of GPT-NeoX.
const neox = "gpt_neox"

// The names, as in Hugging Face's LlamaForCausalLM, of the parameters outside the layers. Other
// families may have others: Config.EmbedName and its like.
const (
	EmbedName = "model.embed_tokens.weight"
	NormName  = "model.norm.weight"
	HeadName  = "lm_head.weight"
)

// names are a family's names of parameters, as Hugging Face has them.
type names struct {
	embed, norm, head string // modules
	layers            string // before a layer's number
	linear            [linears]string
	norms             [layerNorms]string
}

// indices into names.norms and layer.norms.
const (
	inputNorm = iota
	attentionPost
	mlpNorm
	mlpPost
	queryNorm
	keyNorm
	layerNorms
)

// llamaNames are those of most families.
var llamaNames = names{
	embed: "model.embed_tokens", norm: "model.norm", head: "lm_head", layers: "model.layers.",
	linear: linearModules,
	norms: [layerNorms]string{
		inputNorm: "input_layernorm", mlpNorm: "post_attention_layernorm",
		queryNorm: "self_attn.q_norm", keyNorm: "self_attn.k_norm",
	},
}

// gemmaNames are those of families with norms after attention and MLP.
var gemmaNames = func() names {
	n := llamaNames
	n.norms[attentionPost], n.norms[mlpNorm] = "post_attention_layernorm", "pre_feedforward_layernorm"
	n.norms[mlpPost] = "post_feedforward_layernorm"
	return n
}()

// neoxNames are GPT-NeoX's.
var neoxNames = names{
	embed: "gpt_neox.embed_in", norm: "gpt_neox.final_layer_norm", head: "embed_out",
	layers: "gpt_neox.layers.",
	linear: [linears]string{
		qProj: "attention.query_key_value", oProj: "attention.dense",
		upProj: "mlp.dense_h_to_4h", downProj: "mlp.dense_4h_to_h",
	},
	norms: [layerNorms]string{inputNorm: "input_layernorm", mlpNorm: "post_attention_layernorm"},
}

func (c Config) names() *names {
	switch {
	case c.Arch.Family == neox:
		return &neoxNames
	case c.Arch.PostNorms:
		return &gemmaNames
	}
	return &llamaNames
}

// EmbedName returns the embedding's name.
func (c Config) EmbedName() string { return c.names().embed + ".weight" }

// NormName returns the name of the last norm's weight.
func (c Config) NormName() string { return c.names().norm + ".weight" }

// HeadName returns the head's name, which a tied model has not.
func (c Config) HeadName() string { return c.names().head + ".weight" }

// Module returns the module name of a layer's part, as "model.layers.3.self_attn.q_proj".
func (c Config) Module(layer int, part string) string {
	return fmt.Sprintf("%s%d.%s", c.names().layers, layer, part)
}

// Module returns the module name of a part of one of LLaMA's layers.
func Module(layer int, part string) string { return Config{}.Module(layer, part) }

// GroupOf returns the group of a parameter by its name, in any family.
func GroupOf(name string) Group {
	module, part := cutLast(name)
	_, last := cutLast(module)
	if IsAdapter(name) {
		return GroupLoRA
	}
	for _, n := range []*names{&llamaNames, &neoxNames} {
		switch module {
		case n.embed:
			return GroupEmbed
		case n.head:
			return GroupHead
		}
	}
	if strings.HasSuffix(last, "norm") && (part == "weight" || part == "bias") {
		return GroupNorm
	}
	return GroupLinear
}

// cutLast cuts a name at its last dot.
func cutLast(name string) (before, last string) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", name
	}
	return name[:i], name[i+1:]
}

// has reports whether a layer has a linear layer.
func (c Config) has(module int) bool { return c.names().linear[module] != "" }

// bias reports whether a linear layer has a bias.
func (c Config) bias(module int) bool {
	switch module {
	case qProj, kProj, vProj:
		return c.Arch.QKVBias
	case oProj:
		return c.Arch.OutBias
	}
	return c.Arch.MLPBias
}

// normed reports whether a layer has a norm.
func (c Config) normed(norm int) bool {
	switch norm {
	case queryNorm, keyNorm:
		return c.Arch.QKNorm
	case attentionPost, mlpPost:
		return c.Arch.PostNorms
	}
	return true
}

// normSize returns the number of a norm's elements.
func (c Config) normSize(norm int) int {
	if norm == queryNorm || norm == keyNorm {
		return c.HeadDim
	}
	return c.Hidden
}

// order is how a layer's parameters follow each other: linear layers as they are, norms as ^norm.
var order = [...]int{
	^inputNorm, qProj, kProj, vProj, ^queryNorm, ^keyNorm, oProj, ^attentionPost,
	^mlpNorm, gateProj, upProj, downProj, ^mlpPost,
}

// Targets returns the names of the family's linear layers of decoder layers, as LoRA.Targets takes
// them.
func (c Config) Targets() []string { return lastParts(c.names().linear[:]) }

// AttentionTargets returns those of Targets that belong to attention.
func (c Config) AttentionTargets() []string { return lastParts(c.names().linear[:gateProj]) }

func lastParts(modules []string) []string {
	var all []string
	for _, m := range modules {
		if m != "" {
			_, last := cutLast(m)
			all = append(all, last)
		}
	}
	return all
}
