package peft

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"longlora/trainer/model"
)

// targets is target_modules: a list of names, or a string, which is a regular expression of whole names
// or "all-linear".
type targets struct {
	names   []string
	pattern string
	all     bool // names are LLaMA's: those of the model's family are meant
}

// allLinear are all linear layers but the head.
const allLinear = "all-linear"

// MarshalJSON writes what is there.
func (t targets) MarshalJSON() ([]byte, error) {
	if t.pattern != "" {
		return json.Marshal(t.pattern)
	}
	return json.Marshal(t.names)
}

// UnmarshalJSON reads either form.
func (t *targets) UnmarshalJSON(data []byte) error {
	*t = targets{}
	if json.Unmarshal(data, &t.pattern) == nil {
		if t.pattern == allLinear {
			*t = targets{names: model.Targets(), all: true}
		}
		return nil
	}
	if err := json.Unmarshal(data, &t.names); err != nil {
		return err
	}
	t.names = inTableOrder(t.names)
	return nil
}

// inTableOrder returns the names of kinds of linear layers in the order of model.Targets, then the
// others as they are.
func inTableOrder(names []string) []string {
	var known, others []string
	for _, name := range names {
		if !slices.Contains(model.Targets(), name) {
			others = append(others, name)
		} else if !slices.Contains(known, name) {
			known = append(known, name)
		}
	}
	slices.SortFunc(known, func(a, b string) int {
		return slices.Index(model.Targets(), a) - slices.Index(model.Targets(), b)
	})
	return append(known, others...)
}

// overrides is rank_pattern or alpha_pattern: an object whose order counts.
type overrides []model.Override

// MarshalJSON writes an object in order.
func (o overrides) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, x := range o {
		if i > 0 {
			out = append(out, ',')
		}
		key, err := json.Marshal(x.Key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(x.Value)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, key...), ':'), value...)
	}
	return append(out, '}'), nil
}

// UnmarshalJSON reads an object in order.
func (o *overrides) UnmarshalJSON(data []byte) error {
	*o = nil
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.Join(errors.New("want an object of patterns with numbers"), err)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		x := model.Override{Key: key.(string)} // the decoder gives no other key
		if err := d.Decode(&x.Value); err != nil {
			return fmt.Errorf("%q: %w", x.Key, err)
		}
		*o = append(*o, x)
	}
	return nil
}
