package hf

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// rule says which values of a key of config.json this project computes. An absent key and null are
// always fine.
type rule struct {
	key     string
	allowed []string // JSON
	wayOut  string
}

// rules is the table of the keys that change what a model computes, beside those that Config reads.
// A key that is in neither makes no difference to a LlamaForCausalLM.
var rules = []rule{
	{"architectures", []string{`["` + Architecture + `"]`},
		"only " + Architecture + " is supported"},
	{"model_type", []string{`"` + modelType + `"`}, "only model_type llama is supported"},
	{"hidden_act", []string{`"silu"`, `"swish"`}, "only SwiGLU (silu) is supported"},
	{"attention_bias", []string{"false"}, "use a model without biases"},
	{"mlp_bias", []string{"false"}, "use a model without biases"},
	{"attention_dropout", []string{"0", "0.0"}, "set it to 0"},
	{"sliding_window", nil, "set it to null if the context is within the window"},
	{"quantization_config", nil, "use the unquantized weights"},
	{"auto_map", nil, "its own code is never run; remove the key if the model is a plain LLaMA"},
	{"layer_types", nil, "all layers must have full attention"},
}

// refusals returns an error for each key whose value is not supported.
func refusals(raw map[string]json.RawMessage) []error {
	var all []error
	if raw["architectures"] == nil && raw["model_type"] == nil {
		all = append(all, fmt.Errorf("neither architectures nor model_type is there; only %s is "+
			"supported", Architecture))
	}
	for _, r := range rules {
		value := raw[r.key]
		if value == nil || string(value) == "null" || r.allows(compact(value)) {
			continue
		}
		all = append(all, fmt.Errorf("%s is %s: %s", r.key, shorten(compact(value)), r.wayOut))
	}
	return all
}

func (r rule) allows(value string) bool {
	if r.key == "layer_types" {
		rest := strings.NewReplacer(`"full_attention"`, "", ",", "", "[", "", "]", "").Replace(value)
		return rest == ""
	}
	return slices.Contains(r.allowed, value)
}

// compact removes white space outside strings.
func compact(raw json.RawMessage) string {
	var value any
	if json.Unmarshal(raw, &value) != nil {
		return string(raw)
	}
	data, err := json.Marshal(value)
	if err != nil {
		return string(raw)
	}
	return string(data)
}

func shorten(s string) string {
	if len(s) > 80 {
		return s[:77] + "..."
	}
	return s
}
