package family

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Keys are the members of a config.json being read.
type Keys struct {
	Raw  map[string]json.RawMessage
	errs []error
}

// Errors returns what was wrong so far.
func (k *Keys) Errors() []error { return k.errs }

// Fail records that a key has a value that is not supported.
func (k *Keys) Fail(key, wayOut string) {
	k.errs = append(k.errs, fmt.Errorf("%s is %s: %s", key, shorten(compact(k.Raw[key])), wayOut))
}

// Has reports whether a key is there; null is as good as absent.
func (k *Keys) Has(key string) bool { return k.Raw[key] != nil && string(k.Raw[key]) != "null" }

// Need reads a key that must be there.
func (k *Keys) Need(key string, dst any) {
	if !k.Has(key) {
		k.errs = append(k.errs, fmt.Errorf("%s is missing", key))
		return
	}
	k.May(key, dst)
}

// May reads a key if it is there.
func (k *Keys) May(key string, dst any) {
	if !k.Has(key) {
		return
	}
	if err := json.Unmarshal(k.Raw[key], dst); err != nil {
		k.errs = append(k.errs, fmt.Errorf("%s is %s: %w", key, k.Raw[key], err))
	}
}

// Fill lays keys, as JSON, under those that are there. A null stays one.
func (k *Keys) Fill(defaults string) {
	var below map[string]json.RawMessage
	if err := json.Unmarshal([]byte(defaults), &below); err != nil {
		panic(fmt.Sprintf("family: defaults %s: %v", defaults, err))
	}
	for key, value := range below {
		if _, ok := k.Raw[key]; !ok {
			k.Raw[key] = value
		}
	}
}

// Move gives a key another name, unless there is one of that name.
func (k *Keys) Move(from, to string) {
	if k.Has(from) && !k.Has(to) {
		k.Raw[to] = k.Raw[from]
	}
	delete(k.Raw, from)
}

// Rule says which values of a key are computed. An absent key and null are always fine.
type Rule struct {
	Key     string
	Allowed []string // JSON
	WayOut  string
}

// common are the rules of all families.
var common = []Rule{
	{"attention_dropout", []string{"0", "0.0"}, "set it to 0"},
	{"quantization_config", nil, "use the unquantized weights"},
	{"auto_map", nil, "its own code is never run; remove the key if the model is a plain one"},
	{"add_cross_attention", []string{"false"}, "only decoders without an encoder are supported"},
	{"pruned_heads", []string{"{}"}, "use a model with all heads"},
}

// swiGLU is the rule of families whose MLPs have SwiGLU.
var swiGLU = Rule{"hidden_act", []string{`"silu"`, `"swish"`}, "only SwiGLU (silu) is supported"}

// Refuse records each key whose value is not supported.
func (k *Keys) Refuse(rules []Rule) {
	for _, r := range slices.Concat(common, rules) {
		if k.Has(r.Key) && !slices.Contains(r.Allowed, compact(k.Raw[r.Key])) {
			k.Fail(r.Key, r.WayOut)
		}
	}
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
