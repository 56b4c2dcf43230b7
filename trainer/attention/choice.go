package attention

import (
	"fmt"
	"strconv"
	"strings"

	"longlora/kernels"
	"longlora/kernels/pattern"
)

// Choice is a pattern with its parameter, written "full", "s2" or "s2@512".
type Choice struct {
	Pattern string `json:"pattern"`
	// Group is the length of a group in tokens; 0: the pattern has none, or it is not said yet.
	Group int `json:"group,omitempty"`
}

// ParseChoice reads a Choice.
func ParseChoice(text string) (Choice, error) {
	name, group, given := strings.Cut(text, "@")
	if _, err := pattern.Lookup(name); err != nil {
		return Choice{}, err
	}
	c := Choice{Pattern: name}
	if !given {
		return c, nil
	}
	if !c.grouped() {
		return c, fmt.Errorf("%q: pattern %s has no groups", text, name)
	}
	n, err := strconv.Atoi(group)
	if err != nil || n < 1 {
		return c, fmt.Errorf("%q: a group has %q tokens, want a whole number from 1 on", text, group)
	}
	c.Group = n
	return c, nil
}

// String returns what ParseChoice reads.
func (c Choice) String() string {
	if c.Group > 0 {
		return fmt.Sprintf("%s@%d", c.Pattern, c.Group)
	}
	return c.Pattern
}

// grouped reports whether the pattern has groups.
func (c Choice) grouped() bool {
	for _, e := range pattern.Table() {
		if e.Name == c.Pattern {
			return e.Grouped
		}
	}
	return false
}

// with returns c with a group: its own, or the one given if it needs one.
func (c Choice) with(group int) Choice {
	if c.Group == 0 && c.grouped() {
		c.Group = group
	}
	return c
}

// Segments lays the pattern, which must be one of the table's, over documents.
func (c Choice) Segments(docLens []int32, heads int) kernels.Segments {
	of, err := pattern.Lookup(c.Pattern)
	if err != nil {
		panic(err) // of a Choice that ParseChoice did not read
	}
	return of(pattern.Layout{DocLens: docLens, Heads: heads, Group: max(c.Group, 1)})
}

// pairs returns how many keys all queries of all heads see together in a document of n tokens.
func (c Choice) pairs(n, heads int) (sum float64) {
	for _, g := range c.Segments([]int32{int32(n)}, heads).Groups {
		for i := range len(g.Bounds) - 1 {
			size := float64(g.Bounds[i+1] - g.Bounds[i])
			sum += float64(g.To-g.From) * size * (size + 1) / 2
		}
	}
	return sum
}
