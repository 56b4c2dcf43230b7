package attention

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Part is a share of a training's steps, in (0, 1], that attend by a pattern: "s2:0.8".
type Part struct {
	Choice
	Share float64
}

// shareError is how far shares may be from 1 together: they are written by hand, as 0.333.
const shareError = 0.005

// ParseSchedule reads the parts of a schedule, whose shares make 1 together.
func ParseSchedule(texts []string) ([]Part, error) {
	var (
		parts []Part
		errs  []error
		sum   float64
	)
	for _, text := range texts {
		p, err := parsePart(text)
		parts, errs, sum = append(parts, p), append(errs, err), sum+p.Share
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(parts) > 0 && math.Abs(sum-1) > shareError {
		return nil, fmt.Errorf("the shares of %s make %.4g together, want 1",
			strings.Join(texts, ","), sum)
	}
	return parts, nil
}

func parsePart(text string) (p Part, err error) {
	name, share, found := strings.Cut(text, ":")
	if !found {
		return p, fmt.Errorf("%q has no share: write PATTERN:SHARE, as s2:0.8", text)
	}
	if p.Choice, err = ParseChoice(name); err != nil {
		return p, err
	}
	p.Share, err = strconv.ParseFloat(share, 64)
	if err != nil || !(p.Share > 0 && p.Share <= 1) {
		return p, fmt.Errorf("%q: the share is %q, want a number in (0, 1]", text, share)
	}
	return p, nil
}

// Layers are the layers From to To, both included, that attend by a pattern at every step.
type Layers struct {
	From int `json:"from_layer"`
	To   int `json:"to_layer"`
	Choice
}

// open is Layers.To of a range without an end.
const open = math.MaxInt

// ParseLayers reads ranges of layers, counted from 0: "3:full", "0-3:full", "4-:s2@512". No layer
// may stand in two of them.
func ParseLayers(texts []string) ([]Layers, error) {
	var (
		all  []Layers
		errs []error
	)
	for _, text := range texts {
		l, err := parseLayers(text)
		for _, other := range all {
			if err == nil && l.From <= other.To && other.From <= l.To {
				err = fmt.Errorf("%q: layer %d has a pattern already", text, max(l.From, other.From))
			}
		}
		all, errs = append(all, l), append(errs, err)
	}
	return all, errors.Join(errs...)
}

func parseLayers(text string) (l Layers, err error) {
	layers, name, found := strings.Cut(text, ":")
	if !found {
		return l, fmt.Errorf("%q names no pattern: write LAYERS:PATTERN, as 0-3:full", text)
	}
	if l.Choice, err = ParseChoice(name); err != nil {
		return l, err
	}
	from, to, isRange := strings.Cut(layers, "-")
	if !isRange {
		to = from
	}
	l.From, err = strconv.Atoi(from)
	if l.To = open; err == nil && (to != "" || !isRange) {
		l.To, err = strconv.Atoi(to)
	}
	if err != nil || l.From < 0 || l.To < l.From {
		return l, fmt.Errorf("%q: layers are %q, want one, a range as 0-3, or 4- for all from there",
			text, layers)
	}
	return l, nil
}
