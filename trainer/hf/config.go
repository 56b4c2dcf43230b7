package hf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"

	"longlora/trainer/model"
	"longlora/trainer/rope"
)

// ConfigName is the configuration's file in a folder.
const ConfigName = "config.json"

// Architecture is the one that this project computes, and its model_type.
const (
	Architecture = "LlamaForCausalLM"
	modelType    = "llama"
)

// Config is a config.json. Change its fields freely; Encode writes them over what was read.
type Config struct {
	Model model.Config
	RoPE  rope.Spec
	// DType is the storage type declared for the weights, "float32" or "bfloat16"; "" if there is
	// no such declaration.
	DType string
	// BOS begins a text, -1 if there is none. Each of EOS ends one.
	BOS int
	EOS []int

	raw map[string]json.RawMessage
}

// NewConfig returns the configuration of a model that comes from no folder.
func NewConfig(m model.Config, r rope.Spec, bos int, eos ...int) Config {
	c := Config{Model: m, RoPE: r, BOS: bos, EOS: eos, DType: "float32"}
	c.raw = map[string]json.RawMessage{
		"architectures": json.RawMessage(`["` + Architecture + `"]`),
		"model_type":    json.RawMessage(`"` + modelType + `"`),
		"hidden_act":    json.RawMessage(`"silu"`),
	}
	return c
}

// ParseConfig reads a config.json and reports everything in it that is not supported.
func ParseConfig(data []byte) (Config, error) {
	c := Config{BOS: -1}
	if err := json.Unmarshal(data, &c.raw); err != nil {
		return Config{}, fmt.Errorf("%s: %w", ConfigName, err)
	}
	if err := c.parse(data); err != nil {
		return Config{}, fmt.Errorf("%s: %w", ConfigName, err)
	}
	return c, nil
}

func (c *Config) parse(data []byte) error {
	all := refusals(c.raw)
	all = append(all, c.parseModel()...)
	all = append(all, c.parseEnds()...)
	if c.raw["dtype"] != nil {
		all = append(all, c.get("dtype", &c.DType, true))
	} else {
		all = append(all, c.get("torch_dtype", &c.DType, true))
	}
	if err := errors.Join(all...); err != nil {
		return err
	}
	if err := c.Model.Validate(); err != nil {
		return err
	}
	var err error
	if c.RoPE, err = rope.Parse(data); err != nil {
		return err
	}
	return c.RoPE.Validate(c.Model.HeadDim)
}

// parseModel reads the shape. Defaults are those of LlamaConfig, except that the five numbers
// without which there is no shape must be there.
func (c *Config) parseModel() []error {
	m := &c.Model
	eps := float32(1e-6)
	all := []error{
		c.get("vocab_size", &m.Vocab, false), c.get("hidden_size", &m.Hidden, false),
		c.get("intermediate_size", &m.FFN, false), c.get("num_hidden_layers", &m.Layers, false),
		c.get("num_attention_heads", &m.Heads, false),
		c.get("num_key_value_heads", &m.KVHeads, true), c.get("head_dim", &m.HeadDim, true),
		c.get("tie_word_embeddings", &m.Tied, true), c.get("rms_norm_eps", &eps, true),
	}
	m.Eps = eps
	if m.KVHeads == 0 {
		m.KVHeads = m.Heads
	}
	if m.HeadDim == 0 && m.Heads > 0 {
		if m.Hidden%m.Heads != 0 {
			all = append(all, fmt.Errorf("hidden_size %d is no multiple of num_attention_heads %d and "+
				"there is no head_dim", m.Hidden, m.Heads))
		}
		m.HeadDim = m.Hidden / m.Heads
	}
	return all
}

// parseEnds reads the ids that begin and end a text; eos_token_id is a number or a list.
func (c *Config) parseEnds() []error {
	if c.get("eos_token_id", &c.EOS, true) != nil {
		var one int
		if err := c.get("eos_token_id", &one, true); err != nil {
			return []error{err}
		}
		c.EOS = []int{one}
	}
	return []error{c.get("bos_token_id", &c.BOS, true)}
}

// get decodes a key; null is as good as absent.
func (c *Config) get(key string, dst any, optional bool) error {
	raw := c.raw[key]
	if raw == nil || string(raw) == "null" {
		if optional {
			return nil
		}
		return fmt.Errorf("%s is missing", key)
	}
	if err := json.Unmarshal(raw, dst); err != nil {
		return fmt.Errorf("%s is %s: %w", key, raw, err)
	}
	return nil
}

// Encode returns the file: what was read, with c's fields over it.
func (c Config) Encode() ([]byte, error) {
	fields := maps.Clone(c.raw)
	err := errors.Join(put(fields, c.Model), put(fields, c.RoPE.Fields()), put(fields, c.rest()))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ConfigName, err)
	}
	return encodeJSON(fields)
}

// rest returns the fields that are neither the shape's nor the rotary embedding's.
func (c Config) rest() map[string]any {
	m := map[string]any{}
	if _, ok := c.raw["dtype"]; ok {
		m["dtype"] = c.DType
	}
	if _, ok := c.raw["torch_dtype"]; ok || len(m) == 0 {
		m["torch_dtype"] = c.DType
	}
	if c.DType == "" {
		clear(m)
	}
	if c.BOS >= 0 {
		m["bos_token_id"] = c.BOS
	}
	switch len(c.EOS) {
	case 0:
	case 1:
		m["eos_token_id"] = c.EOS[0]
	default:
		m["eos_token_id"] = c.EOS
	}
	return m
}

// put sets the members of value, which marshals to an object. What is there already and means the
// same keeps its spelling: 1e-06 stays 1e-06.
func put(fields map[string]json.RawMessage, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return err
	}
	for key, member := range members {
		if !same(fields[key], member) {
			fields[key] = member
		}
	}
	return nil
}

// same reports whether two JSON texts mean the same; a text that is absent means nothing.
func same(a, b json.RawMessage) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// encodeJSON writes as transformers does: keys in order, two spaces, a final newline.
func encodeJSON(value any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(value)
	return out.Bytes(), err
}
