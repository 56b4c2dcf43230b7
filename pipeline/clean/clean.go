// Package clean takes out of a text what is not part of the document: the frames that libraries and
// web pages put around it, and data of persons, which it replaces by placeholders.
//
// Every cleaner is a pure function of the text. What one changes is counted; a document says in its
// metadata how often it was changed.
package clean

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// cleaner returns the text that is left and the number of places that changed.
type cleaner func(text string) (left string, changes int)

// kind is a line of the table.
type kind struct {
	name, about string
	mask        bool
	clean       cleaner
}

// kinds is the table of cleaners, in the order in which they run.
var kinds = []kind{
	{"gutenberg", "header and licence of Project Gutenberg around a book", false, gutenberg},
	{"banners", "lines about cookies, subscriptions and rights that web pages add", false, banners},
	{"email", "e-mail addresses, which become " + emailPlaceholder, true, maskEmail},
	{"ip", "public IP addresses, which become " + ipPlaceholder, true, maskIP},
}

// Cleaners lists the cleaners of frames with what each takes out.
func Cleaners() []string { return list(false) }

// Masks lists the masks of data of persons.
func Masks() []string { return list(true) }

func list(mask bool) (lines []string) {
	for _, k := range kinds {
		if k.mask == mask {
			lines = append(lines, k.name+": "+k.about)
		}
	}
	return lines
}

// Chain runs cleaners one after another. It may be used concurrently.
type Chain struct{ kinds []kind }

// New returns a Chain of the named cleaners and masks; it runs them in the table's order.
func New(cleaners, masks []string) (*Chain, error) {
	if err := Validate(cleaners, masks); err != nil {
		return nil, err
	}
	c := &Chain{}
	for _, k := range kinds {
		if slices.Contains(cleaners, k.name) || slices.Contains(masks, k.name) {
			c.kinds = append(c.kinds, k)
		}
	}
	return c, nil
}

// Validate reports every problem at once.
func Validate(cleaners, masks []string) error {
	return errors.Join(check("cleaner", cleaners, false), check("mask", masks, true))
}

func check(what string, names []string, mask bool) error {
	var known []string
	for _, k := range kinds {
		if k.mask == mask {
			known = append(known, k.name)
		}
	}
	var errs []error
	for _, n := range names {
		if !slices.Contains(known, n) {
			errs = append(errs, fmt.Errorf("%s %q is unknown; there are %s", what, n,
				strings.Join(known, ", ")))
		}
	}
	return errors.Join(errs...)
}

// Apply cleans a text. changes has the number of changed places by cleaner, only of those that changed
// something; it is nil if none did.
func (c *Chain) Apply(text string) (left string, changes map[string]int) {
	for _, k := range c.kinds {
		cleaned, n := k.clean(text)
		if n == 0 {
			continue
		}
		if changes == nil {
			changes = map[string]int{}
		}
		text, changes[k.name] = cleaned, n
	}
	return text, changes
}
