package peft

import (
	"encoding/json"
	"fmt"
	"strings"

	"longlora/trainer/model"
)

// tokens is trainable_token_indices: a list, of the embedding, or lists by the name of a module.
type tokens struct{ embed, head []int }

// The ends of the modules' names.
const (
	embedLayer = "embed_tokens"
	headLayer  = "lm_head"
	neoxEmbed  = "embed_in"
	neoxHead   = "embed_out"
)

// IsZero reports whether there are none: then the key is left out.
func (t tokens) IsZero() bool { return len(t.embed)+len(t.head) == 0 }

// MarshalJSON writes a list if the head has none.
func (t tokens) MarshalJSON() ([]byte, error) {
	if len(t.head) == 0 {
		return json.Marshal(t.embed)
	}
	all := map[string][]int{headLayer: t.head}
	if len(t.embed) > 0 {
		all[embedLayer] = t.embed
	}
	return json.Marshal(all)
}

// UnmarshalJSON reads either form.
func (t *tokens) UnmarshalJSON(data []byte) error {
	*t = tokens{}
	if json.Unmarshal(data, &t.embed) == nil {
		return nil
	}
	var all map[string][]int
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	for module, ids := range all {
		switch module[strings.LastIndexByte(module, '.')+1:] {
		case embedLayer, neoxEmbed:
			t.embed = ids
		case headLayer, neoxHead:
			t.head = ids
		default:
			return fmt.Errorf("tokens of %q: only %s and %s have any", module, embedLayer, headLayer)
		}
	}
	return nil
}

// replaced returns a matrix's values with the rows in place that the adapter holds of it.
func (a *Adapter) replaced(name string, shape []int, values []float32) ([]float32, error) {
	module, ids := strings.TrimSuffix(name, ".weight"), a.LoRA.EmbedTokens
	if !a.Has(module + model.TokenRows) {
		return values, nil
	}
	if model.GroupOf(name) == model.GroupHead {
		ids = a.LoRA.HeadTokens
	}
	rows, err := a.Tensor(module+model.TokenRows, []int{len(ids), shape[1]})
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		copy(values[id*shape[1]:(id+1)*shape[1]], rows[i*shape[1]:(i+1)*shape[1]])
	}
	return values, nil
}
