package run

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Read sets in c what a run file says. Keys that no option has, keys given twice and values of
// another type are errors that name the line.
func (c *Config) Read(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("run file: %w", err)
	}
	if err := c.parse(text); err != nil {
		return fmt.Errorf("run file %s: %w", path, err)
	}
	return nil
}

func (c *Config) parse(text []byte) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	next := *c
	if err := d.Decode(&next); err != nil && !errors.Is(err, io.EOF) {
		return explain(err)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("more than one YAML document")
	}
	if err := next.checkWhole(text); err != nil {
		return err
	}
	*c = next
	return nil
}

// explain says on one line, and without Go's words, what the library found.
func explain(err error) error {
	var wrong *yaml.TypeError
	if !errors.As(err, &wrong) {
		return err
	}
	lines := slices.Clone(wrong.Errors)
	for i, line := range lines {
		if before, found := strings.CutSuffix(line, " not found in type run.Config"); found {
			lines[i] = strings.Replace(before, "field ", "unknown key ", 1) +
				"; the keys are the flags of this command, with _ for -"
		}
	}
	return errors.New(strings.Join(lines, "; "))
}

// checkWhole refuses fractions where whole numbers belong: the library would cut them off.
func (c *Config) checkWhole(text []byte) error {
	var fields map[string]yaml.Node
	if err := yaml.Unmarshal(text, &fields); err != nil {
		return err
	}
	var all []error
	for _, f := range c.Fields() {
		switch f.Value.(type) {
		case *int, *uint64:
			if n := fields[f.Key]; n.ShortTag() == "!!float" {
				all = append(all, fmt.Errorf("line %d: %s is %s, want a whole number",
					n.Line, f.Key, n.Value))
			}
		}
	}
	return errors.Join(all...)
}

// YAML returns c as a run file.
func (c *Config) YAML() ([]byte, error) {
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	err := errors.Join(e.Encode(c), e.Close())
	return out.Bytes(), err
}
