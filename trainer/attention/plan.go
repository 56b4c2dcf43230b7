package attention

import (
	"fmt"
	"math"
	"strings"

	"longlora/kernels"
)

// Phase is the steps From to To, counted from 1 and both included, that attend by a pattern.
type Phase struct {
	From int `json:"from_step"`
	To   int `json:"to_step"`
	Choice
}

// Plan is the attention of a training, with nothing left to be determined.
type Plan struct {
	// Phases cover all steps in order.
	Phases []Phase `json:"phases"`
	// Layers do not follow the phases.
	Layers []Layers `json:"layers,omitempty"`
}

// Shape is what a Plan is made for.
type Shape struct {
	// Steps and Layers are the training's and the model's; Group is the group in tokens of patterns
	// that do not name their own.
	Steps, Layers, Group int
}

// New makes the plan of a schedule and of layers with a pattern of their own. The shares' bounds are
// rounded to whole steps; a part that has no step is an error.
func New(parts []Part, layers []Layers, s Shape) (Plan, error) {
	var p Plan
	done, share := 0, 0.0
	for i, part := range parts {
		share += part.Share
		to := int(math.Round(share * float64(s.Steps)))
		if i == len(parts)-1 {
			to = s.Steps
		}
		if to <= done {
			return p, fmt.Errorf("%v:%g has no step of %d: give it a greater share or train longer",
				part.Choice, part.Share, s.Steps)
		}
		p.Phases = append(p.Phases, Phase{From: done + 1, To: to, Choice: part.with(s.Group)})
		done = to
	}
	for _, l := range layers {
		if l.To == open {
			l.To = s.Layers - 1
		}
		if l.From >= s.Layers || l.To >= s.Layers {
			return p, fmt.Errorf("layers %d to %d have pattern %v, but the model has layers 0 to %d",
				l.From, l.To, l.Choice, s.Layers-1)
		}
		l.Choice = l.with(s.Group)
		p.Layers = append(p.Layers, l)
	}
	return p, nil
}

// Phase returns the number of a step's phase; steps beyond the last are the last one's.
func (p *Plan) Phase(step int) int {
	for i, phase := range p.Phases {
		if step <= phase.To {
			return i
		}
	}
	return len(p.Phases) - 1
}

// Of returns the pattern of a layer in a phase.
func (p *Plan) Of(phase, layer int) Choice {
	for _, l := range p.Layers {
		if l.From <= layer && layer <= l.To {
			return l.Choice
		}
	}
	return p.Phases[phase].Choice
}

// Each returns the segments of each of a model's layers in a phase; layers that attend alike share
// theirs.
func (p *Plan) Each(phase, layers int, docLens []int32, heads int) []kernels.Segments {
	made := map[Choice]kernels.Segments{}
	all := make([]kernels.Segments, layers)
	for l := range all {
		c := p.Of(phase, l)
		s, ok := made[c]
		if !ok {
			s = c.Segments(docLens, heads)
			made[c] = s
		}
		all[l] = s
	}
	return all
}

// Grouped reports whether any pattern has groups.
func Grouped(parts []Part, layers []Layers) bool {
	for _, p := range parts {
		if p.grouped() {
			return true
		}
	}
	for _, l := range layers {
		if l.grouped() {
			return true
		}
	}
	return false
}

// Cost returns what attention over documents of n tokens costs in a phase, as a share of full
// attention: pairs of query and key, to which its operations are proportional.
func (p *Plan) Cost(phase, layers, n, heads int) float64 {
	var sum float64
	for l := range layers {
		sum += p.Of(phase, l).pairs(n, heads)
	}
	return sum / (Choice{Pattern: full}.pairs(n, heads) * float64(layers))
}

// full is the pattern that Cost compares with.
const full = "full"

// TotalCost is Cost over all steps.
func (p *Plan) TotalCost(layers, n, heads int) float64 {
	var sum float64
	steps := p.Phases[len(p.Phases)-1].To
	for i, phase := range p.Phases {
		sum += float64(phase.To-phase.From+1) * p.Cost(i, layers, n, heads)
	}
	return sum / float64(steps)
}

// Costliest returns the phase in which attention over documents of n tokens costs most.
func (p *Plan) Costliest(layers, n, heads int) (phase int) {
	for i := range p.Phases {
		if p.Cost(i, layers, n, heads) > p.Cost(phase, layers, n, heads) {
			phase = i
		}
	}
	return phase
}

// String says the plan in a line, as "steps 1-800 s2@1024, 801-1000 full; layers 0-3 full".
func (p *Plan) String() string {
	var b strings.Builder
	for i, phase := range p.Phases {
		b.WriteString([]string{"steps ", ", "}[min(i, 1)])
		fmt.Fprintf(&b, "%d-%d %v", phase.From, phase.To, phase.Choice)
	}
	for i, l := range p.Layers {
		b.WriteString([]string{"; layers ", ", "}[min(i, 1)])
		fmt.Fprintf(&b, "%d-%d %v", l.From, l.To, l.Choice)
	}
	return b.String()
}
