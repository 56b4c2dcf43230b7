package strict

import (
	"errors"
	"io"
	"testing"
)

func TestDecode(t *testing.T) {
	for text, want := range map[string]string{
		"name: a\n":                      "",
		"name: a\nnmae: b\nsize: many\n": "line 2: unknown key nmae; line 3: cannot unmarshal !!str `many` into int",
		"name: a\n---\nname: b\n":        "more than one YAML document",
		"name: [\n":                      "yaml: line 1: did not find expected node content",
	} {
		var v struct {
			Name string `yaml:"name"`
			Size int    `yaml:"size"`
		}
		got := ""
		if err := Decode([]byte(text), &v); err != nil {
			got = err.Error()
		}
		if got != want || want == "" && v.Name != "a" {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if err := Decode(nil, new(struct{})); !errors.Is(err, io.EOF) {
		t.Errorf("nothing: got %v, want EOF", err)
	}
}
