package checkpoint

import (
	"encoding/json"
	"fmt"
	"sort"
)

// Differences compares the configurations and the backends of two states and returns a line for
// each setting that differs, as "lr: 0.001 in the checkpoint, 0.002 now". Values are compared as
// JSON has them.
func Differences(then, now State) ([]string, error) {
	recorded, err := generic(then)
	if err != nil {
		return nil, err
	}
	present, err := generic(now)
	if err != nil {
		return nil, err
	}
	a, b := map[string]string{}, map[string]string{}
	flatten("", recorded, a)
	flatten("", present, b)
	keys := map[string]bool{}
	for k := range a {
		keys[k] = true
	}
	for k := range b {
		keys[k] = true
	}
	var lines []string
	for k := range keys {
		if a[k] != b[k] {
			lines = append(lines, fmt.Sprintf("%s: %s in the checkpoint, %s now",
				k, orNothing(a[k]), orNothing(b[k])))
		}
	}
	sort.Strings(lines)
	return lines, nil
}

// generic returns what is to be compared as JSON would read it.
func generic(s State) (map[string]any, error) {
	text, err := json.Marshal(s.Config)
	if err != nil {
		return nil, err
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, err
	}
	if m == nil {
		m = map[string]any{}
	}
	m["backend"] = s.Backend
	return m, nil
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// flatten writes the leaves of v by their dotted names, as JSON.
func flatten(prefix string, v any, into map[string]string) {
	if m, ok := v.(map[string]any); ok {
		for k, e := range m {
			name := k
			if prefix != "" {
				name = prefix + "." + k
			}
			flatten(name, e, into)
		}
		return
	}
	text, err := json.Marshal(v)
	if err != nil {
		text = fmt.Append(nil, v)
	}
	into[prefix] = string(text)
}
