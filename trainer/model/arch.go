package model

import (
	"errors"
	"fmt"
	"math"

	"longlora/kernels"
)

// Arch is what sets a family of models apart from LLaMA; the zero Arch is LLaMA's. It is comparable.
// Package family reads it out of a config.json.
type Arch struct {
	// Family is the model_type of config.json; "" is llama.
	Family string `json:"model_type,omitempty"`

	Norm       Norm       `json:"norm,omitempty"`
	Activation Activation `json:"activation,omitempty"`
	// QKVBias, OutBias and MLPBias give linear layers biases: those before attention, the one after
	// it, those of the MLP.
	QKVBias bool `json:"qkv_bias,omitempty"`
	OutBias bool `json:"out_bias,omitempty"`
	MLPBias bool `json:"mlp_bias,omitempty"`
	// Fused has one linear layer for queries, keys and values, whose output is [H, 3, Dh].
	Fused bool `json:"fused,omitempty"`
	// QKNorm normalises each head's queries and keys before they turn.
	QKNorm bool `json:"qk_norm,omitempty"`
	// PostNorms normalises what attention and MLP give before it is added.
	PostNorms bool `json:"post_norms,omitempty"`
	// Parallel has the MLP read the layer's input, not what attention made of it.
	Parallel bool `json:"parallel,omitempty"`
	// Rotary is the number of a head's dimensions, the first, that turn; 0: all.
	Rotary int `json:"rotary,omitempty"`

	// Window is the number of keys that a query of local layers sees at most; 0: all layers see all.
	Window int `json:"window,omitempty"`
	// Local has a byte for each layer, LocalLayer or GlobalLayer; "": with a Window, all are local.
	Local string `json:"local,omitempty"`
	// LocalTables has local layers turn by tables of their own (Options.LocalRotary).
	LocalTables bool `json:"local_tables,omitempty"`

	// EmbedScale multiplies embeddings by the root of Config.Hidden.
	EmbedScale bool `json:"embed_scale,omitempty"`
	// ScoreScalar is what scores are divided by the root of; 0: Config.HeadDim.
	ScoreScalar float64 `json:"score_scalar,omitempty"`
	// ScoreCap and LogitCap bound attention's scores and the head's logits softly; 0: nothing does.
	ScoreCap float32 `json:"score_cap,omitempty"`
	LogitCap float32 `json:"logit_cap,omitempty"`
}

// Norm is a normalisation of rows.
type Norm string

// The normalisations.
const (
	RMSNorm Norm = ""
	// RMSNormPlus is RMSNorm whose weights are added to 1.
	RMSNormPlus Norm = "1+w"
	LayerNorm   Norm = "layer"
)

// Activation is what stands between the MLP's matrices: SwiGLU and GeGLU have a gate, of which they
// take the activation, GELU and GELUTanh have none.
type Activation string

// The activations.
const (
	SwiGLU   Activation = ""
	GeGLU    Activation = "geglu"
	GELU     Activation = "gelu"
	GELUTanh Activation = "gelu_tanh"
)

// gated reports whether there is a gate.
func (a Activation) gated() bool { return a == SwiGLU || a == GeGLU }

// The kinds of layers in Arch.Local.
const (
	LocalLayer  = 'l'
	GlobalLayer = 'g'
)

// local reports whether a layer has the window.
func (a Arch) local(layer int) bool {
	return a.Window > 0 && (a.Local == "" || a.Local[layer] == LocalLayer)
}

// RotaryDim returns the number of a head's dimensions that turn.
func (c Config) RotaryDim() int {
	if c.Arch.Rotary > 0 {
		return c.Arch.Rotary
	}
	return c.HeadDim
}

// OnGPU returns nil if the CUDA backend has all that the model needs.
func (c Config) OnGPU() error {
	if c.Arch.ScoreCap == 0 && c.Arch.LogitCap == 0 {
		return nil
	}
	return fmt.Errorf("models of the family %s need soft caps, which are not on the GPU yet: use "+
		"--device cpu", c.Family())
}

// Family returns the model_type.
func (c Config) Family() string {
	if c.Arch.Family == "" {
		return llama
	}
	return c.Arch.Family
}

// validate reports what does not go together.
func (a Arch) validate(c Config) error {
	var all []error
	if a.Rotary < 0 || a.Rotary > c.HeadDim || a.Rotary%2 != 0 {
		all = append(all, fmt.Errorf("%d of a head's %d dimensions turn, want an even number up to all",
			a.Rotary, c.HeadDim))
	}
	if a.Fused && c.KVHeads != c.Heads {
		all = append(all, fmt.Errorf("%d key heads for %d heads: a fused projection has as many",
			c.KVHeads, c.Heads))
	}
	if a.Window < 0 {
		all = append(all, fmt.Errorf("sliding_window is %d, want more than 0", a.Window))
	}
	if a.Local != "" && len(a.Local) != c.Layers {
		all = append(all, fmt.Errorf("layer_types has %d layers, the model has %d", len(a.Local),
			c.Layers))
	}
	if !(a.ScoreScalar >= 0) || !(a.ScoreCap >= 0) || !(a.LogitCap >= 0) {
		all = append(all, fmt.Errorf("query_pre_attn_scalar %g, attn_logit_softcapping %g and "+
			"final_logit_softcapping %g, want none below 0", a.ScoreScalar, a.ScoreCap, a.LogitCap))
	}
	return errors.Join(all...)
}

// AttentionScale is the factor of the attention's scores, 1/sqrt(HeadDim) in most families.
func (c Config) AttentionScale() float32 {
	d := float64(c.HeadDim)
	if c.Arch.ScoreScalar > 0 {
		d = c.Arch.ScoreScalar
	}
	return float32(1 / math.Sqrt(d))
}

// embedScale is the factor of embeddings.
func (c Config) embedScale() float32 {
	if c.Arch.EmbedScale {
		return float32(math.Sqrt(float64(c.Hidden)))
	}
	return 1
}

// bounded adds to segments what bounds a layer's attention: its window, and its scores.
func (m *Model) bounded(s kernels.Segments, layer int) kernels.Segments {
	if m.config.Arch.local(layer) {
		s.Window = m.config.Arch.Window
	}
	s.Cap = m.config.Arch.ScoreCap
	return s
}

// turn rotates [T, H·Dh], or what perHead makes of it, in place.
func (m *Model) turn(x, pos kernels.Tensor, y *layer, back bool) {
	m.b.RoPE(m.turned(x), y.cos, y.sin, pos, back)
}

// turned views the dimensions of heads that turn.
func (m *Model) turned(x kernels.Tensor) kernels.Tensor {
	heads := m.perHead(x)
	if n := m.config.RotaryDim(); n < m.config.HeadDim {
		heads = heads.Slice(2, 0, n)
	}
	return heads
}
