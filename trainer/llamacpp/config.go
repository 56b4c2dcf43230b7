package llamacpp

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"longlora/trainer/family"
	"longlora/trainer/gguf"
	"longlora/trainer/hf"
	"longlora/trainer/model"
	"longlora/trainer/rope"
)

// keyed is a file with the name of its architecture.
type keyed struct {
	*gguf.File
	architecture string
}

// Get reads a key, by the name that LLaMA's files have for it.
func (s keyed) Get(key string, dst any) (bool, error) {
	return s.File.Get(keyOf(key, s.architecture), dst)
}

// readable are the architectures that are read, each by the model_type of its family.
var readable = []string{architecture, "qwen2", "qwen3"}

// configOf returns the config.json of a file's model.
func configOf(file *gguf.File) ([]byte, error) {
	f := keyed{File: file}
	if _, err := file.Get(architectureKey, &f.architecture); err != nil {
		return nil, err
	}
	if !slices.Contains(readable, f.architecture) {
		return nil, fmt.Errorf("its architecture is %q; supported are %s", f.architecture,
			strings.Join(readable, ", "))
	}
	for _, key := range []string{expertsKey, windowKey} {
		n := 0
		if _, err := f.Get(key, &n); err != nil || n != 0 {
			return nil, errors.Join(err, fmt.Errorf("%s is %d, which is not supported", key, n))
		}
	}
	fields, err := shapeOf(f)
	if err != nil {
		return nil, err
	}
	headDim := fields["head_dim"].(int) // shapeOf sets it
	spec, err := ropeOf(f, headDim, fields["max_position_embeddings"].(int))
	if err != nil {
		return nil, err
	}
	if err := endsOf(f, fields); err != nil {
		return nil, err
	}
	for key, value := range spec.Fields() {
		fields[key] = value
	}
	return json.MarshalIndent(fields, "", "  ")
}

// shapeOf returns the fields of config.json that say the shape.
func shapeOf(f keyed) (map[string]any, error) {
	named := family.Of(model.Config{Arch: model.Arch{Family: f.architecture}})
	fields := map[string]any{
		"architectures": []string{named.Architecture}, "model_type": named.Type, "hidden_act": "silu",
	}
	numbers := map[string]string{
		"hidden_size": hiddenKey, "num_hidden_layers": layersKey, "intermediate_size": ffnKey,
		"num_attention_heads": headsKey, "max_position_embeddings": contextKey,
	}
	for field, key := range numbers {
		n := 0
		ok, err := f.Get(key, &n)
		if err != nil || !ok || n <= 0 {
			return nil, errors.Join(err, fmt.Errorf("key %q %w, or not above 0", key, gguf.ErrMissing))
		}
		fields[field] = n
	}
	heads := fields["num_attention_heads"].(int) // set above
	kv, dim, eps := heads, fields["hidden_size"].(int)/heads, 0.0
	turned := 0
	_, err1 := f.Get(kvHeadsKey, &kv)
	_, err2 := f.Get(keyLenKey, &dim)
	turned = dim
	_, err3 := f.Get(ropeDimKey, &turned)
	ok, err4 := f.Get(epsKey, &eps)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, err
	}
	if turned != dim || !ok {
		return nil, fmt.Errorf("%s is %d in heads of %d, %s is there: %v; all of a head must turn",
			ropeDimKey, turned, dim, epsKey, ok)
	}
	embed, err := f.Tensor("token_embd.weight")
	if err != nil || len(embed.Shape) != 2 {
		return nil, errors.Join(err, errors.New("token_embd.weight must have two dimensions"))
	}
	_, untied := f.Tensor("output.weight")
	fields["num_key_value_heads"], fields["head_dim"] = kv, dim
	fields["rms_norm_eps"] = json.Number(shortest(eps))
	fields["vocab_size"], fields["tie_word_embeddings"] = embed.Shape[0], untied != nil
	return fields, nil
}

// shortest writes a number that was stored in single precision with no more digits than that has.
func shortest(v float64) string {
	text, _ := json.Marshal(float32(v)) // numbers of files are finite where they matter
	return string(text)
}

func endsOf(f keyed, fields map[string]any) error {
	for field, key := range map[string]string{"bos_token_id": bosKey, "eos_token_id": eosKey} {
		id := 0
		ok, err := f.Get(key, &id)
		if err != nil {
			return err
		}
		if ok {
			fields[field] = id
		}
	}
	return nil
}

// ropeOf returns the rotary embedding. Numbers that files have in single precision are taken with
// as few digits.
func ropeOf(f keyed, headDim, context int) (rope.Spec, error) {
	s := rope.Spec{Kind: rope.Default, Theta: 10000, Factor: 1, Max: context, Original: context}
	kind, old := "", 0.0
	factor, attention := 0.0, 1.0
	_, err1 := f.Get(ropeBaseKey, &s.Theta)
	_, err2 := f.Get(scalingKey, &kind)
	_, err3 := f.Get(factorKey, &factor)
	_, err4 := f.Get(originalKey, &s.Original)
	_, err5 := f.Get(attentionKey, &attention)
	_, err6 := f.Get(oldScaleKey, &old)
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		return s, err
	}
	if factor == 0 {
		factor = old
	}
	switch kind {
	case "", "none", "linear":
		if factor > 1 && kind != "none" {
			s.Kind, s.Factor = rope.Linear, factor
		}
	case "yarn":
		s.Kind, s.Factor, s.BetaFast, s.BetaSlow = rope.YaRN, factor, 32, 1
		_, err1 = f.Get(betaFastKey, &s.BetaFast)
		_, err2 = f.Get(betaSlowKey, &s.BetaSlow)
		if attention != 1 {
			s.AttentionFactor = attention * s.AttentionScale()
		}
	case "longrope":
		s.Kind, s.Factor, s.AttentionFactor = rope.LongRoPE, max(factor, 1), attention
		var long, short []float32
		long, err1 = f.Floats(longName)
		short, err2 = f.Floats(shortName)
		s.Long, s.Short = wide(long), wide(short)
	default:
		return s, fmt.Errorf("%s is %q; linear, yarn and longrope are supported", scalingKey, kind)
	}
	if err := errors.Join(err1, err2); err != nil {
		return s, err
	}
	return withFactors(f, s, headDim)
}

func wide(values []float32) (out []float64) {
	for _, v := range values {
		out = append(out, float64(v))
	}
	return out
}

// withFactors reads rope_freqs, the factors of LLaMA 3.1: they say a factor and between which
// frequencies it is faded in, if these are its usual ones; else each stands for itself.
func withFactors(f keyed, s rope.Spec, headDim int) (rope.Spec, error) {
	if _, err := f.Tensor(freqsName); err != nil {
		return s, nil
	}
	if s.Kind != rope.Default {
		return s, fmt.Errorf("it has %s beside RoPE of kind %s, which is not supported", freqsName, s.Kind)
	}
	given, err := f.Floats(freqsName)
	if err != nil {
		return s, err
	}
	if len(given) != headDim/2 {
		return s, fmt.Errorf("%s has %d elements, heads of %d need %d", freqsName, len(given), headDim,
			headDim/2)
	}
	original := []int{8192}
	if s.Original < s.Max {
		original = []int{s.Original}
	}
	for _, o := range original {
		llama3 := s
		llama3.Kind, llama3.Original, llama3.LowFreq, llama3.HighFreq = rope.Llama3, o, 1, 4
		llama3.Factor = math.Round(float64(slices.Max(given))*1024) / 1024
		if o <= s.Max && llama3.Factor >= 1 && near(factors(hf.Config{
			Model: modelOf(headDim), RoPE: llama3})[freqsName], given) {
			return llama3, nil
		}
	}
	s.Kind, s.AttentionFactor = rope.LongRoPE, 1
	s.Short = wide(given)
	s.Long = s.Short
	return s, nil
}

// near compares to a few units in the last place of single precision: other programs round
// intermediate results otherwise.
func near(a, b []float32) bool {
	for i := range a {
		if math.Abs(float64(a[i]-b[i])) > 4e-6*math.Abs(float64(b[i])) {
			return false
		}
	}
	return true
}

func modelOf(headDim int) (c model.Config) {
	c.HeadDim = headDim
	return c
}
