package llamacpp

import (
	"fmt"
	"strings"

	"longlora/trainer/gguf"
	"longlora/trainer/hf"
	"longlora/trainer/model"
	"longlora/trainer/rope"
)

// architecture is llama.cpp's LLaMA, and the prefix of its keys; other architectures have the same
// keys with their own names before.
const architecture = "llama"

// families are llama.cpp's architectures by the model_type of a family, as they are written.
var families = map[string]string{
	"llama": architecture, "mistral": architecture, "qwen2": "qwen2", "qwen3": "qwen3",
}

// architectureOf returns the architecture of a model that reads context positions, if GGUF can say it.
func architectureOf(m model.Config, context int) (string, error) {
	name, ok := families[m.Family()]
	switch a := m.Arch; {
	case !ok:
		return "", fmt.Errorf("GGUF files of the family %s are not written; export for transformers",
			m.Family())
	case a.QKVBias && name != "qwen2" || a.OutBias || a.MLPBias:
		return "", fmt.Errorf("GGUF files of the family %s with these biases are not written; export for "+
			"transformers", m.Family())
	case a.Window > 0 && a.Window < context:
		return "", fmt.Errorf("llama.cpp's %s has no window: it would see more than %d tokens of a context "+
			"of %d; export for transformers, or set sliding_window to null", name, a.Window, context)
	}
	return name, nil
}

// AsRead returns the shape of a model that was written and read again: Mistral's, whose window its
// context does not reach, is LLaMA's; other windows that are not reached are gone too.
func AsRead(m model.Config) model.Config {
	m.Arch.Window, m.Arch.Local = 0, ""
	if families[m.Family()] == architecture {
		m.Arch = model.Arch{}
	}
	return m
}

// keyOf returns a key of LLaMA's as an architecture has it.
func keyOf(key, name string) string {
	if rest, ok := strings.CutPrefix(key, architecture+"."); ok {
		return name + "." + rest
	}
	return key
}

// The general keys.
const (
	architectureKey = "general.architecture"
	nameKey         = "general.name"
	fileTypeKey     = "general.file_type"
	quantizationKey = "general.quantization_version"
)

// The keys of the architecture.
const (
	contextKey   = architecture + ".context_length"
	hiddenKey    = architecture + ".embedding_length"
	layersKey    = architecture + ".block_count"
	ffnKey       = architecture + ".feed_forward_length"
	headsKey     = architecture + ".attention.head_count"
	kvHeadsKey   = architecture + ".attention.head_count_kv"
	epsKey       = architecture + ".attention.layer_norm_rms_epsilon"
	keyLenKey    = architecture + ".attention.key_length"
	valueLenKey  = architecture + ".attention.value_length"
	vocabKey     = architecture + ".vocab_size"
	expertsKey   = architecture + ".expert_count"
	windowKey    = architecture + ".attention.sliding_window"
	ropeDimKey   = architecture + ".rope.dimension_count"
	ropeBaseKey  = architecture + ".rope.freq_base"
	scalingKey   = architecture + ".rope.scaling.type"
	factorKey    = architecture + ".rope.scaling.factor"
	originalKey  = architecture + ".rope.scaling.original_context_length"
	attentionKey = architecture + ".rope.scaling.attn_factor"
	betaFastKey  = architecture + ".rope.scaling.yarn_beta_fast"
	betaSlowKey  = architecture + ".rope.scaling.yarn_beta_slow"
	oldScaleKey  = architecture + ".rope.scale_linear"
)

// fileTypes are the numbers by which llama.cpp names the type of most tensors of a file.
var fileTypes = map[gguf.Type]uint32{gguf.F32: 0, gguf.F16: 1, gguf.Q8: 7, gguf.BF16: 32}

// describe returns the keys of a model's shape and rotary embedding. context is the number of
// positions that it reads.
func describe(c hf.Config, context int, name string, t gguf.Type) ([]gguf.Pair, error) {
	m := c.Model
	arch, err := architectureOf(m, context)
	if err != nil {
		return nil, err
	}
	pairs := []gguf.Pair{
		{Key: architectureKey, Value: arch}, {Key: nameKey, Value: name},
		{Key: fileTypeKey, Value: fileTypes[t]}, {Key: quantizationKey, Value: uint32(2)},
		{Key: contextKey, Value: uint32(context)}, {Key: hiddenKey, Value: uint32(m.Hidden)},
		{Key: layersKey, Value: uint32(m.Layers)}, {Key: ffnKey, Value: uint32(m.FFN)},
		{Key: headsKey, Value: uint32(m.Heads)}, {Key: kvHeadsKey, Value: uint32(m.KVHeads)},
		{Key: epsKey, Value: m.Eps}, {Key: keyLenKey, Value: uint32(m.HeadDim)},
		{Key: valueLenKey, Value: uint32(m.HeadDim)}, {Key: vocabKey, Value: uint32(m.Vocab)},
		{Key: ropeDimKey, Value: uint32(m.HeadDim)}, {Key: ropeBaseKey, Value: float32(c.RoPE.Theta)},
	}
	scaling, err := describeRoPE(c.RoPE)
	pairs = append(pairs, scaling...)
	for i := range pairs {
		pairs[i].Key = keyOf(pairs[i].Key, arch)
	}
	return pairs, err
}

// describeRoPE returns the keys of an extension.
func describeRoPE(s rope.Spec) ([]gguf.Pair, error) {
	original := gguf.Pair{Key: originalKey, Value: uint32(s.Original)}
	switch s.Kind {
	case rope.Default:
		return nil, nil
	case rope.Linear:
		return []gguf.Pair{{Key: scalingKey, Value: "linear"},
			{Key: factorKey, Value: float32(s.Factor)}, original}, nil
	case rope.Llama3: // all is in the tensor rope_freqs
		return []gguf.Pair{original}, nil
	case rope.YaRN:
		return describeYaRN(s)
	case rope.LongRoPE:
		scale := s.AttentionScale()
		return []gguf.Pair{{Key: scalingKey, Value: "longrope"},
			{Key: factorKey, Value: float32(s.Factor)}, original,
			{Key: attentionKey, Value: float32(scale)}}, nil
	}
	return nil, fmt.Errorf("GGUF has no way to say RoPE of kind %s: train or export with linear, yarn "+
		"or llama3", s.Kind)
}

// describeYaRN gives llama.cpp the attention factor relative to the one that it computes itself.
func describeYaRN(s rope.Spec) ([]gguf.Pair, error) {
	if s.NoTruncate {
		return nil, fmt.Errorf("GGUF has no way to say YaRN without rounded bounds (truncate false)")
	}
	pairs := []gguf.Pair{{Key: scalingKey, Value: "yarn"},
		{Key: factorKey, Value: float32(s.Factor)},
		{Key: originalKey, Value: uint32(s.Original)},
		{Key: betaFastKey, Value: float32(s.BetaFast)}, {Key: betaSlowKey, Value: float32(s.BetaSlow)}}
	if relative := s.AttentionScale() / usualScale(s); relative != 1 {
		pairs = append(pairs, gguf.Pair{Key: attentionKey, Value: float32(relative)})
	}
	return pairs, nil
}

// usualScale is the attention factor of YaRN's paper for s.
func usualScale(s rope.Spec) float64 {
	s.AttentionFactor, s.MScale, s.MScaleAllDim = 0, 0, 0
	return s.AttentionScale()
}

// factors returns the tensors by which llama.cpp divides the frequencies of pairs.
func factors(c hf.Config) map[string][]float32 {
	d := c.Model.HeadDim
	switch c.RoPE.Kind {
	case rope.Llama3:
		plain := rope.Spec{Kind: rope.Default, Theta: c.RoPE.Theta}
		w, _ := plain.Frequencies(d, 1)
		extended, _ := c.RoPE.Frequencies(d, 1)
		for i := range w {
			w[i] /= extended[i]
		}
		return map[string][]float32{freqsName: w}
	case rope.LongRoPE:
		return map[string][]float32{longName: narrow(c.RoPE.Long), shortName: narrow(c.RoPE.Short)}
	}
	return nil
}

func narrow(values []float64) []float32 {
	var out []float32
	for _, v := range values {
		out = append(out, float32(v))
	}
	return out
}
