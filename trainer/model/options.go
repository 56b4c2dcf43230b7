package model

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"longlora/kernels"
)

// Options says how a model is held and what of it is trained. The zero value, with Context, Rotary
// and Planner set, is a model for inference.
type Options struct {
	// Context is the number of positions, at most MaxContext: no document may be longer.
	Context int
	// Rotary gives the rotation tables of package rope.
	Rotary Rotary
	// LocalRotary gives those of local layers, where Arch.LocalTables has them turn by others.
	LocalRotary Rotary
	// Planner makes the backend on which calls are counted before they reserve memory (package
	// kernels/plan).
	Planner func() kernels.Backend
	// Frozen is the storage of matrices that are not trained; zero means F32. Norms are always F32.
	Frozen kernels.DType
	// Packed holds the frozen matrices of decoder layers' linear layers in few bits; Values does not
	// read them back. A GPU knows NF4 alone.
	Packed Packing
	// Activations is the storage of activations and of their gradients; zero means F32. The CPU knows
	// no other; a GPU's is BF16.
	Activations kernels.DType
	// LoRA puts adapters on linear layers; nil: none.
	LoRA *LoRA
	// Train names the groups of base parameters that are trained in full: see Groups.
	Train []string
	// Training reserves gradients and optimizer moments of what is trained.
	Training bool
	// Spare is the number of elements behind the rows of activations, and of the frozen matrices of layers
	// with adapters, that a backend may use (kernels.Linear.Spare); 0: none.
	Spare int
	// HostMoments keeps the moments of embedding and head in the host's memory, which the update then
	// reads and writes. It takes a backend that is a kernels.Aside.
	HostMoments bool
	// MomentsBelow is the number of elements from which on trained parameters have no moments: who trains
	// keeps theirs elsewhere. 0: all have.
	MomentsBelow int
	// Noise is NEFTune's alpha (arXiv 2310.05914, algorithm 1): Gradient adds noise to the embedding's
	// rows, uniform in ±Noise/sqrt(L·Hidden) for a document of L tokens. 0: none.
	Noise float64
	// Again says what is computed again, of each layer; the last entry stands for the layers after it
	// too. Without any, everything is kept.
	Again []Again
}

// Rotary returns the cosines and sines, row-major [positions, RotaryDim/2], attention scaling
// included.
type Rotary func(positions int) (cos, sin []float32)

// Group is a set of base parameters that is trained together.
type Group string

// The groups.
const (
	GroupEmbed  Group = "embed"
	GroupNorm   Group = "norm"
	GroupHead   Group = "head"
	GroupLinear Group = "linear"
	GroupLoRA   Group = "lora"
)

// Groups returns the names that Options.Train takes; "all" stands for every one of them.
func Groups() []string {
	return []string{string(GroupEmbed), string(GroupNorm), string(GroupHead), string(GroupLinear)}
}

// MaxContext is the most positions of a model. A machine that can hold the activations of more is
// not known, and to count what they would take needs memory too.
const MaxContext = 1 << 25

// TrainAll in Options.Train trains every base parameter.
const TrainAll = "all"

// Targets returns the names of all linear layers of LLaMA's decoder layers, as LoRA.Targets takes
// them.
func Targets() []string { return Config{}.Targets() }

// fit reports what does not fit a model's family.
func (o Options) fit(c Config) error {
	var all []error
	if c.Arch.LocalTables && o.LocalRotary == nil {
		all = append(all, errors.New("rotary tables of local layers are required"))
	}
	return errors.Join(all...)
}

// Validate reports every value that a model cannot be made with.
func (o Options) Validate() error {
	var all []error
	if o.Context <= 0 || o.Context > MaxContext {
		all = append(all, fmt.Errorf("context is %d, want 1 to %d", o.Context, MaxContext))
	}
	if o.Rotary == nil || o.Planner == nil {
		all = append(all, errors.New("rotary tables and planner are required"))
	}
	switch o.Frozen {
	case 0, kernels.F32, kernels.BF16:
	default:
		all = append(all, fmt.Errorf("frozen parameters cannot be stored as %v", o.Frozen))
	}
	switch o.Activations {
	case 0, kernels.F32, kernels.BF16:
	default:
		all = append(all, fmt.Errorf("activations cannot be stored as %v", o.Activations))
	}
	if !(o.Noise >= 0) || math.IsInf(o.Noise, 0) {
		all = append(all, fmt.Errorf("noise is %g, want 0 or more", o.Noise))
	}
	for _, g := range o.Train {
		if g != TrainAll && !slices.Contains(Groups(), g) {
			all = append(all, fmt.Errorf("train: unknown group %q; the groups are %s and %s",
				g, strings.Join(Groups(), ", "), TrainAll))
		}
	}
	if o.LoRA != nil {
		all = append(all, o.LoRA.Validate())
		if o.trains(GroupLinear) && o.LoRA.DoRA {
			all = append(all, errors.New("dora: linear layers that are trained in full have no magnitude"))
		}
		if len(o.LoRA.EmbedTokens) > 0 && o.trains(GroupEmbed) ||
			len(o.LoRA.HeadTokens) > 0 && o.trains(GroupHead) {
			all = append(all, errors.New("tokens: the whole matrix is trained; leave the tokens or the group out"))
		}
	}
	return errors.Join(all...)
}

// activations returns the storage of activations.
func (o Options) activations() kernels.DType {
	if o.Activations == 0 {
		return kernels.F32
	}
	return o.Activations
}

// trains reports whether a group of base parameters is trained.
func (o Options) trains(g Group) bool {
	return slices.Contains(o.Train, TrainAll) || slices.Contains(o.Train, string(g))
}
