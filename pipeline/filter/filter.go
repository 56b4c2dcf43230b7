// Package filter cleans documents and drops those that are no good, each with a reason.
package filter

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"longlora/schemas"
)

// Filter judges one document after another. It must not be used concurrently.
type Filter interface {
	// Check returns why a document is to be dropped, as a reason that many documents share and a
	// detail of its own; an empty reason keeps it. Text is UTF-8 in NFC, NChars its length.
	Check(d *schemas.Document) (reason, detail string)
}

// Options are the filters' parameters.
type Options struct {
	// MinChars and MaxChars bound a document's length in code points, both inclusive; 0 MaxChars
	// means no bound.
	MinChars, MaxChars int64
	// Languages are the BCP 47 tags of the languages that the filter language keeps.
	Languages []string
}

// DefaultOptions are the parameters without any flag.
func DefaultOptions() Options { return Options{MinChars: 200} }

// kinds is the table of filters, in the order in which they run.
var kinds = []struct {
	name, about string
	new         func(Options) Filter
}{
	{"length", "too few or too many characters", newLength},
	{"language", "texts that are mostly in other languages than those wanted", newLanguages},
	{"symbols", "texts that are mostly marks, numbers or lists", newSymbols},
	{"repetition", "lines, paragraphs or word n-grams that repeat too much", newRepetition},
}

// Names lists the filters with what each drops.
func Names() (lines []string) {
	for _, k := range kinds {
		lines = append(lines, k.name+": "+k.about)
	}
	return lines
}

// Chain brings documents into normal form and runs filters on them. It must not be used
// concurrently.
type Chain struct{ filters []Filter }

// New returns a Chain of the named filters; it runs them in the table's order.
func New(names []string, o Options) (*Chain, error) {
	if err := Validate(names, o); err != nil {
		return nil, err
	}
	c := &Chain{}
	for _, k := range kinds {
		if slices.Contains(names, k.name) {
			c.filters = append(c.filters, k.new(o))
		}
	}
	return c, nil
}

// Validate reports every problem at once.
func Validate(names []string, o Options) error {
	var errs []error
	var known []string
	for _, k := range kinds {
		known = append(known, k.name)
	}
	for _, n := range names {
		if !slices.Contains(known, n) {
			errs = append(errs, fmt.Errorf("filter %q is unknown; there are %s", n,
				strings.Join(known, ", ")))
		}
	}
	switch {
	case o.MinChars < 0:
		errs = append(errs, fmt.Errorf("at least %d characters: take 0 or more", o.MinChars))
	case o.MaxChars < 0:
		errs = append(errs, fmt.Errorf("at most %d characters: take 0, for no bound, or more", o.MaxChars))
	case o.MaxChars > 0 && o.MaxChars < o.MinChars:
		errs = append(errs, fmt.Errorf("at least %d and at most %d characters leaves none", o.MinChars,
			o.MaxChars))
	}
	if slices.Contains(names, "language") && len(o.Languages) == 0 {
		errs = append(errs, errors.New("the filter language needs the languages to keep"))
	}
	for _, tag := range o.Languages {
		if b := baseOf(tag); b == "" || b == undetermined {
			errs = append(errs, fmt.Errorf("language %q is no BCP 47 tag, as en or pt-BR", tag))
		}
	}
	return errors.Join(errs...)
}

// Apply brings the text into Unicode NFC, seals the document and runs the filters. A reason
// that is not empty says that the document is to be dropped.
func (c *Chain) Apply(d *schemas.Document) (reason, detail string) { return c.ApplyTo(d, d.Text) }

// ApplyTo is Apply with a text that takes the place of the document's.
func (c *Chain) ApplyTo(d *schemas.Document, text string) (reason, detail string) {
	d.Text = norm.NFC.String(text) // returns its argument if it is in NFC
	d.Seal()
	if strings.TrimSpace(d.Text) == "" {
		return "empty", ""
	}
	for _, f := range c.filters {
		if reason, detail := f.Check(d); reason != "" {
			return reason, detail
		}
	}
	return "", ""
}
