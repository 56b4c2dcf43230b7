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
	AlphaPattern    overrides `json:"alpha_pattern"`
	Base            string    `json:"base_model_name_or_path"`
	Bias            string    `json:"bias"`
	Exclude         []string  `json:"exclude_modules,omitempty"`
	FanInFanOut     bool      `json:"fan_in_fan_out"`
	InferenceMode   bool      `json:"inference_mode"`
	InitLoRAWeights bool      `json:"init_lora_weights"`
	Layers          []int     `json:"layers_to_transform,omitempty"`
	Alpha           float64   `json:"lora_alpha"`
	Dropout         float64   `json:"lora_dropout"`
	ModulesToSave   []string  `json:"modules_to_save"`
	Type            string    `json:"peft_type"`
	Rank            int       `json:"r"`
	RankPattern     overrides `json:"rank_pattern"`
	Targets         targets   `json:"target_modules"`
	Task            string    `json:"task_type"`
	Tokens          tokens    `json:"trainable_token_indices,omitzero"`
	UseDoRA         bool      `json:"use_dora"`
	UseRSLoRA       bool      `json:"use_rslora"`
}

func newConfig(l model.LoRA, base string, modulesToSave []string) config {
	return config{
		AlphaPattern: l.Alphas, RankPattern: l.Ranks, Base: base, Bias: "none", Exclude: l.Exclude,
		InferenceMode: true, InitLoRAWeights: true, Layers: l.Layers, Alpha: l.Alpha,
		Dropout: l.Dropout, Rank: l.Rank, ModulesToSave: modulesToSave,
		Targets: targets{names: l.Targets, pattern: l.Pattern}, Type: "LORA",
		Task: "CAUSAL_LM", UseDoRA: l.DoRA,
		UseRSLoRA: l.RootScale, Tokens: tokens{l.EmbedTokens, l.HeadTokens},
	}
}

// lora returns the adapters that c describes.
func (c config) lora() model.LoRA {
	return model.LoRA{
		Targets: c.Targets.names, Pattern: c.Targets.pattern, Exclude: c.Exclude, Layers: c.Layers,
		Rank: c.Rank, Alpha: c.Alpha, Ranks: c.RankPattern, Alphas: c.AlphaPattern,
		RootScale: c.UseRSLoRA, DoRA: c.UseDoRA, Dropout: c.Dropout,
		EmbedTokens: c.Tokens.embed, HeadTokens: c.Tokens.head,
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
	"r", "lora_alpha", "lora_dropout", "target_modules", "modules_to_save", "rank_pattern",
	"alpha_pattern", "layers_to_transform", "exclude_modules", "use_dora", "use_rslora",
	"trainable_token_indices",
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
		"lora_dropout": &c.Dropout, "modules_to_save": &c.ModulesToSave, "use_dora": &c.UseDoRA,
		"use_rslora": &c.UseRSLoRA, "rank_pattern": &c.RankPattern, "alpha_pattern": &c.AlphaPattern,
		"exclude_modules": &c.Exclude, "trainable_token_indices": &c.Tokens} {
		if !isNull(raw[key]) {
			all = append(all, get(raw, key, dst))
		}
	}
	all = append(all, get(raw, "target_modules", &c.Targets), c.parseLayers(raw))
	return c, errors.Join(all...)
}

// parseLayers reads layers_to_transform: a number or a list.
func (c *config) parseLayers(raw map[string]json.RawMessage) error {
	const key = "layers_to_transform"
	if isNull(raw[key]) {
		return nil
	}
	one := 0
	if json.Unmarshal(raw[key], &one) == nil {
		c.Layers = []int{one}
		return nil
	}
	return get(raw, key, &c.Layers)
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
