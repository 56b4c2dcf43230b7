package train

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Schedule is the learning rate over the steps of a run: a linear warm-up to Peak, then by Kind.
type Schedule struct {
	// Kind is one of Kinds.
	Kind string
	// Peak is the rate after warm-up, Min the one that all schedules but constant end with.
	Peak, Min float64
	// Warmup is the number of the step that first has the peak rate; 0 and 1: no warm-up.
	Warmup int
	// Steps is the number of steps of the run.
	Steps int
	// Decay is the number of last steps over which wsd (warm-up, stable, decay: arXiv 2404.06395,
	// section 4) falls, linearly, from Peak to Min; 0: a tenth of the steps, as there.
	Decay int
}

// Kinds returns the kinds of schedule.
func Kinds() []string { return []string{"constant", "linear", "cosine", "wsd"} }

// Validate reports every value that makes no schedule.
func (s Schedule) Validate() error {
	var all []error
	if !slices.Contains(Kinds(), s.Kind) {
		all = append(all, fmt.Errorf("schedule %q is unknown; the schedules are %s",
			s.Kind, strings.Join(Kinds(), ", ")))
	}
	if !(s.Peak > 0) || math.IsInf(s.Peak, 0) {
		all = append(all, fmt.Errorf("lr is %g, want more than 0", s.Peak))
	}
	if !(s.Min >= 0 && s.Min <= s.Peak) {
		all = append(all, fmt.Errorf("min_lr is %g, want it between 0 and lr %g", s.Min, s.Peak))
	}
	if s.Decay < 0 || s.Decay > 0 && s.Kind != "wsd" {
		all = append(all, fmt.Errorf("decay_steps is %d, want 0 or more, and 0 if the schedule is not wsd",
			s.Decay))
	}
	if s.Warmup < 0 {
		all = append(all, fmt.Errorf("warmup is %d, want 0 or more", s.Warmup))
	}
	return errors.Join(all...)
}

// decay is Decay with its default.
func (s Schedule) decay() int {
	if s.Decay > 0 {
		return s.Decay
	}
	return max(s.Steps/10, 1)
}

// At returns the rate of a step, counted from 1.
func (s Schedule) At(step int) float64 {
	if step < s.Warmup {
		return s.Peak * float64(step) / float64(s.Warmup)
	}
	warm := max(s.Warmup, 1)
	done := 1.0
	if s.Steps > warm {
		done = min(float64(step-warm)/float64(s.Steps-warm), 1)
	}
	switch s.Kind {
	case "linear":
		return s.Min + (s.Peak-s.Min)*(1-done)
	case "wsd":
		n := s.decay()
		return s.Min + (s.Peak-s.Min)*min(float64(s.Steps-step)/float64(n), 1)
	case "cosine":
		return s.Min + (s.Peak-s.Min)*(1+math.Cos(math.Pi*done))/2
	}
	return s.Peak
}
