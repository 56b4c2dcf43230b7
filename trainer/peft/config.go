package peft

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"longlora/trainer/model"
)

// ConfigName and WeightsName are the files of an adapter folder.
const (
	ConfigName  = "adapter_config.json"
	WeightsName = "adapter_model.safetensors"
)

// config is an adapter_config.json as this package writes it: the keys that every PEFT since 0.8
// knows.
type config struct {
	AlphaPattern    map[string]float64 `json:"alpha_pattern"`
	Base            string             `json:"base_model_name_or_path"`
	Bias            string             `json:"bias"`
	FanInFanOut     bool               `json:"fan_in_fan_out"`
	InferenceMode   bool               `json:"inference_mode"`
	InitLoRAWeights bool               `json:"init_lora_weights"`
	Alpha           float64            `json:"lora_alpha"`
	Dropout         float64            `json:"lora_dropout"`
	ModulesToSave   []string           `json:"modules_to_save"`
	Type            string             `json:"peft_type"`
	Rank            int                `json:"r"`
	RankPattern     map[string]int     `json:"rank_pattern"`
	Targets         []string           `json:"target_modules"`
	Task            string             `json:"task_type"`
	UseDoRA         bool               `json:"use_dora"`
	UseRSLoRA       bool               `json:"use_rslora"`
}

func newConfig(l model.LoRA, base string, modulesToSave []string) config {
	return config{
		AlphaPattern: map[string]float64{}, RankPattern: map[string]int{}, Base: base, Bias: "none",
		InferenceMode: true, InitLoRAWeights: true, Alpha: l.Alpha, Dropout: l.Dropout, Rank: l.Rank,
		ModulesToSave: modulesToSave, Targets: l.Targets, Type: "LORA", Task: "CAUSAL_LM",
	}
}

func (c config) encode() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(c)
	return out.Bytes(), err
}

// neutral are the keys of PEFT's LoraConfig that say nothing about what an adapter computes, or
// that this package reads.
var neutral = []string{
	"auto_mapping", "base_model_name_or_path", "revision", "inference_mode", "init_lora_weights",
	"peft_version", "megatron_core", "layers_pattern", "ensure_weight_tying", "loftq_config",
	"eva_config", "corda_config", "lora_ga_config", "qalora_group_size", "runtime_config",
	"r", "lora_alpha", "lora_dropout", "target_modules", "modules_to_save",
}

// required are values that a key must have if it is there and not null. Every other key must be
// absent, null, false or empty: it changes the computation in a way that is not supported.
var required = map[string][]string{
	"peft_type": {`"LORA"`}, "task_type": {`"CAUSAL_LM"`}, "bias": {`"none"`},
}

// parseConfig reads an adapter_config.json and reports everything in it that is not supported.
func parseConfig(data []byte) (config, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return config{}, err
	}
	all := refusals(raw)
	c := config{}
	all = append(all, get(raw, "r", &c.Rank), get(raw, "lora_alpha", &c.Alpha))
	for key, dst := range map[string]any{"base_model_name_or_path": &c.Base,
		"lora_dropout": &c.Dropout, "modules_to_save": &c.ModulesToSave} {
		if !isNull(raw[key]) {
			all = append(all, get(raw, key, dst))
		}
	}
	all = append(all, c.parseTargets(raw))
	return c, errors.Join(all...)
}

func refusals(raw map[string]json.RawMessage) []error {
	var all []error
	for _, key := range sorted(raw) {
		value := strings.TrimSpace(string(raw[key]))
		allowed, ok := required[key]
		if !ok {
			allowed = []string{"false", "{}", "[]"}
		}
		if slices.Contains(neutral, key) || isNull(raw[key]) || slices.Contains(allowed, value) {
			continue
		}
		all = append(all, fmt.Errorf("%s is %s, which is not supported; merge the adapter with PEFT and "+
			"use the merged model", key, value))
	}
	if isNull(raw["peft_type"]) {
		all = append(all, errors.New("peft_type is missing"))
	}
	return all
}

// parseTargets reads target_modules: names, each the last part of a module's, or "all-linear".
func (c *config) parseTargets(raw map[string]json.RawMessage) error {
	var one string
	if json.Unmarshal(raw["target_modules"], &one) == nil {
		if one != "all-linear" {
			return fmt.Errorf("target_modules is the pattern %q; write the names instead", one)
		}
		c.Targets = model.Targets()
		return nil
	}
	if err := get(raw, "target_modules", &c.Targets); err != nil {
		return err
	}
	c.Targets = inTableOrder(c.Targets)
	return nil
}

// inTableOrder returns the known targets among names, each by its last part, in the order of
// model.Targets, then unknown ones as they are.
func inTableOrder(names []string) []string {
	var known, unknown []string
	for _, name := range names {
		name = name[strings.LastIndexByte(name, '.')+1:]
		if !slices.Contains(model.Targets(), name) {
			unknown = append(unknown, name)
		} else if !slices.Contains(known, name) {
			known = append(known, name)
		}
	}
	slices.SortFunc(known, func(a, b string) int {
		return slices.Index(model.Targets(), a) - slices.Index(model.Targets(), b)
	})
	return append(known, unknown...)
}

func get(raw map[string]json.RawMessage, key string, dst any) error {
	if isNull(raw[key]) {
		return fmt.Errorf("%s is missing", key)
	}
	if err := json.Unmarshal(raw[key], dst); err != nil {
		return fmt.Errorf("%s is %s: %w", key, raw[key], err)
	}
	return nil
}

func isNull(raw json.RawMessage) bool { return raw == nil || string(raw) == "null" }

func sorted(raw map[string]json.RawMessage) []string {
	var keys []string
	for key := range raw {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
