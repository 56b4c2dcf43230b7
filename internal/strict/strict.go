// Package strict reads files that people write, in YAML: one document, every key known, and what is
// wrong said on one line.
package strict

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Decode reads a file's text into v. A file without a document is io.EOF.
func Decode(text []byte, v any) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(v); err != nil {
		return oneLine(err)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("more than one YAML document")
	}
	return nil
}

// oneLine says on one line, and without Go's words, what the library found.
func oneLine(err error) error {
	var wrong *yaml.TypeError
	if !errors.As(err, &wrong) {
		return err
	}
	lines := slices.Clone(wrong.Errors)
	for i, line := range lines {
		if before, _, found := strings.Cut(line, " not found in type "); found {
			lines[i] = strings.Replace(before, "field ", "unknown key ", 1)
		}
	}
	return errors.New(strings.Join(lines, "; "))
}
