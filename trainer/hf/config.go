package hf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"

	"longlora/trainer/bitsandbytes"
	"longlora/trainer/family"
	"longlora/trainer/model"
	"longlora/trainer/rope"
)

// ConfigName is the configuration's file in a folder.
const ConfigName = "config.json"

// Config is a config.json. Change its fields freely; Encode writes them over what was read.
type Config struct {
	Model model.Config
	RoPE  rope.Spec
	// DType is the storage type declared for the weights, "float32", "bfloat16" or "float16"; "" if
	// there is no such declaration.
	DType string
	// BOS begins a text, -1 if there is none. Each of EOS ends one.
	BOS int
	EOS []int
	// Quantised is how bitsandbytes quantised the folder's weights; "": it did not.
	Quantised bitsandbytes.Kind

	raw map[string]json.RawMessage
}

// NewConfig returns the configuration of a model that comes from no folder.
func NewConfig(m model.Config, r rope.Spec, bos int, eos ...int) Config {
	c := Config{Model: m, RoPE: r, BOS: bos, EOS: eos, DType: "float32"}
	f := family.Of(m)
	c.raw = map[string]json.RawMessage{
		"architectures": json.RawMessage(`["` + f.Architecture + `"]`),
		"model_type":    json.RawMessage(`"` + f.Type + `"`),
	}
	if err := put(c.raw, f.Arch(m)); err != nil {
		panic(err) // the values are plain ones
	}
	return c
}

// ParseConfig reads a config.json and reports everything in it that is not supported.
func ParseConfig(data []byte) (Config, error) {
	c := Config{BOS: -1}
	if err := json.Unmarshal(data, &c.raw); err != nil {
		return Config{}, fmt.Errorf("%s: %w", ConfigName, err)
	}
	restore, err := c.takeQuantisation()
	if err == nil {
		err = c.parse()
	}
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", ConfigName, err)
	}
	restore()
	return c, nil
}

func (c *Config) parse() error {
	k := &family.Keys{Raw: maps.Clone(c.raw)}
	f, err := family.Find(k)
	if err != nil {
		return errors.Join(append(k.Errors(), err)...)
	}
	k.Fill(f.Defaults)
	k.Refuse(f.Rules)
	f.Read(k, &c.Model)
	if f.Rope != nil {
		f.Rope(k)
	}
	all := append(k.Errors(), c.parseEnds()...)
	if c.raw["dtype"] != nil {
		all = append(all, c.get("dtype", &c.DType))
	} else {
		all = append(all, c.get("torch_dtype", &c.DType))
	}
	if err := errors.Join(all...); err != nil {
		return err
	}
	if err := c.parseRope(f, k.Raw); err != nil {
		return err
	}
	if err := c.Model.Validate(); err != nil {
		return err
	}
	return c.RoPE.Validate(c.Model.RotaryDim())
}

// parseRope reads the rotary embedding, and what part of a head turns.
func (c *Config) parseRope(f family.Family, keys map[string]json.RawMessage) error {
	data, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	read := rope.Parse
	if f.Partial {
		read = rope.ParsePartial
	}
	if c.RoPE, err = read(data); err != nil {
		return err
	}
	if !f.Two {
		c.RoPE.LocalTheta = 0
	}
	if c.RoPE.Partial > 0 && c.RoPE.Partial <= 1 { // else Validate says what is wrong
		c.Model.Arch.Rotary = int(float64(c.Model.HeadDim) * c.RoPE.Partial)
	}
	return nil
}

// SetRotary gives a model its rotary tables.
func (c Config) SetRotary(o *model.Options) {
	o.Rotary = c.RoPE.Rotary(c.Model.RotaryDim())
	if c.Model.Arch.LocalTables {
		o.LocalRotary = c.RoPE.Local().Rotary(c.Model.RotaryDim())
	}
}

// parseEnds reads the ids that begin and end a text; eos_token_id is a number or a list.
func (c *Config) parseEnds() []error {
	if c.get("eos_token_id", &c.EOS) != nil {
		var one int
		if err := c.get("eos_token_id", &one); err != nil {
			return []error{err}
		}
		c.EOS = []int{one}
	}
	return []error{c.get("bos_token_id", &c.BOS)}
}

// get decodes a key; null is as good as absent.
func (c *Config) get(key string, dst any) error {
	raw := c.raw[key]
	if raw == nil || string(raw) == "null" {
		return nil
	}
	if err := json.Unmarshal(raw, dst); err != nil {
		return fmt.Errorf("%s is %s: %w", key, raw, err)
	}
	return nil
}

// Unquantised returns the configuration of the same model with weights that are not quantised.
func (c Config) Unquantised() Config {
	c.raw, c.Quantised = maps.Clone(c.raw), ""
	delete(c.raw, quantisationKey)
	return c
}

// Encode returns the file: what was read, with c's fields over it.
func (c Config) Encode() ([]byte, error) {
	fields, f, rotary := maps.Clone(c.raw), family.Of(c.Model), c.RoPE.Fields()
	if f.Named != nil {
		f.Named(rotary, c.Model)
	}
	err := errors.Join(put(fields, f.Fields(c.Model)), put(fields, rotary), put(fields, c.rest()))
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
