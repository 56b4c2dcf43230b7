package rope

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sort"
)

// The values that LlamaConfig of transformers has where config.json says nothing.
const (
	defaultTheta = 10000
	defaultMax   = 2048
)

// parameters is the object rope_scaling or, from transformers 5 on, rope_parameters.
type parameters struct {
	Type            *Kind     `json:"type"`
	RopeType        *Kind     `json:"rope_type"`
	Theta           *float64  `json:"rope_theta"`
	Partial         *float64  `json:"partial_rotary_factor"`
	Factor          *float64  `json:"factor"`
	Original        *int      `json:"original_max_position_embeddings"`
	AttentionFactor *float64  `json:"attention_factor"`
	BetaFast        *float64  `json:"beta_fast"`
	BetaSlow        *float64  `json:"beta_slow"`
	MScale          *float64  `json:"mscale"`
	MScaleAllDim    *float64  `json:"mscale_all_dim"`
	Truncate        *bool     `json:"truncate"`
	LowFreq         *float64  `json:"low_freq_factor"`
	HighFreq        *float64  `json:"high_freq_factor"`
	Short           []float64 `json:"short_factor"`
	Long            []float64 `json:"long_factor"`
}

// surroundings are the keys of config.json outside that object that matter to it.
type surroundings struct {
	Theta      *float64        `json:"rope_theta"`
	Partial    *float64        `json:"partial_rotary_factor"`
	Local      *float64        `json:"rope_local_base_freq"`
	Max        *int            `json:"max_position_embeddings"`
	Original   *int            `json:"original_max_position_embeddings"`
	Scaling    json.RawMessage `json:"rope_scaling"`
	Parameters json.RawMessage `json:"rope_parameters"`
}

// Parse reads the rotary embedding out of a whole config.json, in the form of transformers 4
// (rope_theta, rope_scaling) or 5 (rope_parameters). Where both are given they must agree. What is
// not supported is refused by name; heads of which a part alone turns are, see ParsePartial.
func Parse(config []byte) (Spec, error) {
	s, err := ParsePartial(config)
	if err == nil && s.Partial != 0 {
		return Spec{}, fmt.Errorf("partial_rotary_factor %g is not supported: all of a head must turn",
			s.Partial)
	}
	return s, err
}

// ParsePartial is Parse for models of which a part of each head may turn alone.
func ParsePartial(config []byte) (Spec, error) {
	var around surroundings
	if err := json.Unmarshal(config, &around); err != nil {
		return Spec{}, fmt.Errorf("rope: %w", err)
	}
	specs := []Spec{}
	for _, form := range []struct {
		name string
		raw  json.RawMessage
	}{{"rope_scaling", around.Scaling}, {"rope_parameters", around.Parameters}} {
		if absent(form.raw) {
			continue
		}
		s, err := around.parse(form.raw)
		if err != nil {
			return Spec{}, fmt.Errorf("%s: %w", form.name, err)
		}
		specs = append(specs, s)
	}
	if len(specs) == 0 {
		return around.parse([]byte("{}"))
	}
	if len(specs) == 2 && !reflect.DeepEqual(specs[0], specs[1]) {
		return Spec{}, errors.New("rope_scaling and rope_parameters say different things; " +
			"remove the wrong one from config.json")
	}
	return specs[0], nil
}

func absent(raw json.RawMessage) bool {
	s := string(raw)
	return s == "" || s == "null" || s == "{}"
}

// parse reads one object.
func (a surroundings) parse(raw json.RawMessage) (Spec, error) {
	var p parameters
	if err := json.Unmarshal(raw, &p); err != nil {
		return Spec{}, err
	}
	kind, err := p.kind()
	if err != nil {
		return Spec{}, err
	}
	if err := checkKeys(raw, kind); err != nil {
		return Spec{}, err
	}
	s, err := a.spec(p, kind)
	if err != nil {
		return Spec{}, err
	}
	set(&s.Partial, a.Partial)
	set(&s.Partial, p.Partial)
	if s.Partial == 1 {
		s.Partial = 0
	}
	set(&s.LocalTheta, a.Local)
	return s, nil
}

func (p parameters) kind() (Kind, error) {
	kind := Default
	switch {
	case p.Type != nil && p.RopeType != nil && *p.Type != *p.RopeType:
		return "", fmt.Errorf("type is %q and rope_type is %q; remove the wrong one", *p.Type,
			*p.RopeType)
	case p.RopeType != nil:
		kind = *p.RopeType
	case p.Type != nil:
		kind = *p.Type
	}
	if _, ok := kinds[kind]; !ok {
		return "", fmt.Errorf("rope_type %q is not supported; supported are %s", kind, kindNames())
	}
	return kind, nil
}

// checkKeys refuses keys that the kind does not have: they would be ignored.
func checkKeys(raw json.RawMessage, kind Kind) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return err
	}
	known := slices.Concat([]string{"type", "rope_type", "rope_theta", "partial_rotary_factor"},
		kinds[kind].keys)
	var unknown []string
	for key, value := range all {
		if !slices.Contains(known, key) && string(value) != "null" {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) > 0 {
		sort.Strings(unknown)
		return fmt.Errorf("%q is not supported for rope_type %s; remove it if it has no effect",
			unknown, kind)
	}
	return nil
}

// spec fills in what is not given, as transformers does.
func (a surroundings) spec(p parameters, kind Kind) (Spec, error) {
	s := Spec{Kind: kind, Theta: defaultTheta, Factor: 1, Max: defaultMax}
	set(&s.Theta, a.Theta)
	set(&s.Theta, p.Theta)
	set(&s.Max, a.Max)
	s.Original = s.Max
	if kind != Default && kind != Dynamic { // Dynamic's formula counts from max_position_embeddings
		set(&s.Original, p.Original)
		set(&s.Original, a.Original)
	}
	set(&s.Factor, p.Factor)
	if kind != Default && p.Factor == nil {
		if kind != YaRN && kind != LongRoPE {
			return Spec{}, fmt.Errorf("rope_type %s needs a factor", kind)
		}
		s.Factor = float64(s.Max) / float64(s.Original)
	}
	if kind == Dynamic { // max_position_embeddings is what it was before
		s.Max = int(float64(s.Original) * max(s.Factor, 1))
	}
	set(&s.AttentionFactor, p.AttentionFactor)
	s.setKind(p)
	return s, nil
}

// setKind fills in the values of one kind alone.
func (s *Spec) setKind(p parameters) {
	switch s.Kind {
	case YaRN:
		s.BetaFast, s.BetaSlow = 32, 1
		set(&s.BetaFast, p.BetaFast)
		set(&s.BetaSlow, p.BetaSlow)
		set(&s.MScale, p.MScale)
		set(&s.MScaleAllDim, p.MScaleAllDim)
		s.NoTruncate = p.Truncate != nil && !*p.Truncate
	case Llama3:
		set(&s.LowFreq, p.LowFreq)
		set(&s.HighFreq, p.HighFreq)
	case LongRoPE:
		s.Short, s.Long = p.Short, p.Long
	}
}

func set[T any](dst, src *T) {
	if src != nil {
		*dst = *src
	}
}

// float is written with a decimal point: older versions of transformers refuse a factor without.
type float float64

// MarshalJSON implements json.Marshaler.
func (f float) MarshalJSON() ([]byte, error) {
	text, err := json.Marshal(float64(f))
	if err == nil && !bytes.ContainsAny(text, ".e") {
		text = append(text, ".0"...)
	}
	return text, err
}

// Fields returns the keys of config.json that say s, in the form that every version of transformers
// reads: rope_theta and rope_scaling (with both type and rope_type; null for the default kind). For
// readers of the newer form rope_parameters says the same.
func (s Spec) Fields() map[string]any {
	fields := map[string]any{
		"rope_theta":              float(s.Theta),
		"rope_scaling":            nil,
		"rope_parameters":         map[string]any{"rope_type": s.Kind, "rope_theta": float(s.Theta)},
		"max_position_embeddings": s.Max,
	}
	if s.LocalTheta != 0 {
		fields["rope_local_base_freq"] = float(s.LocalTheta)
	}
	if s.Kind == Default {
		if s.Partial != 0 {
			fields["rope_parameters"].(map[string]any)["partial_rotary_factor"] = float(s.Partial)
		}
		return fields
	}
	fields["original_max_position_embeddings"] = s.Original
	if s.Kind == Dynamic {
		fields["max_position_embeddings"] = s.Original
	}
	scaling, parameters := s.scaling(), s.scaling()
	parameters["rope_theta"] = float(s.Theta)
	if s.Partial != 0 {
		parameters["partial_rotary_factor"] = float(s.Partial)
	}
	fields["rope_scaling"], fields["rope_parameters"] = scaling, parameters
	return fields
}

// scaling returns the object rope_scaling.
func (s Spec) scaling() map[string]any {
	m := map[string]any{"type": s.Kind, "rope_type": s.Kind, "factor": float(s.Factor)}
	if s.Kind != Linear && s.Kind != Dynamic {
		m["original_max_position_embeddings"] = s.Original
	}
	if s.AttentionFactor != 0 {
		m["attention_factor"] = float(s.AttentionFactor)
	}
	switch s.Kind {
	case YaRN:
		m["beta_fast"], m["beta_slow"] = float(s.BetaFast), float(s.BetaSlow)
		if s.MScale != 0 {
			m["mscale"] = float(s.MScale)
		}
		if s.MScaleAllDim != 0 {
			m["mscale_all_dim"] = float(s.MScaleAllDim)
		}
		if s.NoTruncate {
			m["truncate"] = false
		}
	case Llama3:
		m["low_freq_factor"], m["high_freq_factor"] = float(s.LowFreq), float(s.HighFreq)
	case LongRoPE:
		m["short_factor"], m["long_factor"] = s.Short, s.Long
	}
	return m
}
