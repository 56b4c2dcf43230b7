package run

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"

	"longlora/internal/strict"
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
	next := *c
	if err := strict.Decode(text, &next); err != nil && !errors.Is(err, io.EOF) {
		if strings.Contains(err.Error(), "unknown key ") {
			err = fmt.Errorf("%w; the keys are the flags of this command, with _ for -", err)
		}
		return err
	}
	if err := next.checkWhole(text); err != nil {
		return err
	}
	*c = next
	return nil
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
