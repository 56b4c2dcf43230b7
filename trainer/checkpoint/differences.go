package checkpoint

import (
	"encoding/json"
	"fmt"
	"sort"
)

// Differences compares two configurations and returns a line for each setting that differs, as
// "lr: 0.001 in the checkpoint, 0.002 now".
func Differences(recorded, now map[string]any) []string {
	a, b := map[string]string{}, map[string]string{}
	flatten("", recorded, a)
	flatten("", now, b)
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
	return lines
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
