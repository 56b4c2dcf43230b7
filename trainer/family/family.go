package family

import (
	"fmt"
	"slices"
	"strings"

	"longlora/trainer/model"
)

// Family is a kind of models.
type Family struct {
	// Type is the model_type, Architecture the entry of architectures.
	Type, Architecture string
	// Defaults are the keys that transformers has where config.json lacks them, as JSON.
	Defaults string
	// Rules are the values that keys must have which change what a model computes and which Read does
	// not read. Keys that are in neither make no difference.
	Rules []Rule
	// Read reads a shape out of config.json.
	Read func(k *Keys, c *model.Config)
	// Fields returns the keys that say the shape's sizes, Arch those that say the rest.
	Fields func(c model.Config) map[string]any
	Arch   func(c model.Config) map[string]any
	// Rope renames keys of the rotary embedding into those that package rope reads, and Named names
	// those that it writes as the family does; nil: they have the same names.
	Rope  func(k *Keys)
	Named func(fields map[string]any, c model.Config)
	// Partial says that the family may turn a part of each head alone, and Two that local layers turn
	// by another theta.
	Partial, Two bool
}

// Table returns every family.
func Table() []Family {
	return []Family{llama(), mistral(), qwen2(), qwen3(), gptNeoX(), gemma2(), gemma3()}
}

// Architectures lists the names of Table.
func Architectures() string {
	var all []string
	for _, f := range Table() {
		all = append(all, f.Architecture)
	}
	return strings.Join(all, ", ")
}

// Find returns the family of a config.json by its architectures and model_type, of which one may be
// missing.
func Find(k *Keys) (Family, error) {
	var architectures []string
	var kind string
	k.May("architectures", &architectures)
	k.May("model_type", &kind)
	if len(architectures) == 0 && kind == "" {
		return Family{}, fmt.Errorf("neither architectures nor model_type is there; supported are %s",
			Architectures())
	}
	i := slices.IndexFunc(Table(), func(f Family) bool {
		return (len(architectures) == 0 || slices.Equal(architectures, []string{f.Architecture})) &&
			(kind == "" || kind == f.Type)
	})
	if i >= 0 {
		return Table()[i], nil
	}
	hint := ""
	if kind == "gemma3" {
		hint = "; of a Gemma 3 that reads pictures use the text model alone (gemma3_text)"
	}
	return Family{}, fmt.Errorf("architectures %q with model_type %q is not supported; supported are %s%s",
		architectures, kind, Architectures(), hint)
}

// Of returns the family of a shape. It panics on one that is in no family.
func Of(c model.Config) Family {
	for _, f := range Table() {
		if f.Type == c.Family() {
			return f
		}
	}
	panic(fmt.Sprintf("family: no family %q", c.Family()))
}
