package rope

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Kind is a way to extend rotary positions, by its rope_type in config.json.
type Kind string

// The kinds.
const (
	Default Kind = "default"
	// Linear is position interpolation (arXiv 2306.15595): w_j / Factor.
	Linear Kind = "linear"
	// Dynamic raises theta with the length of the sequence ("dynamic NTK").
	Dynamic Kind = "dynamic"
	// YaRN interpolates slow pairs, keeps fast ones and scales attention (arXiv 2309.00071).
	YaRN Kind = "yarn"
	// Llama3 interpolates slow pairs and keeps fast ones (LLaMA 3.1).
	Llama3 Kind = "llama3"
	// LongRoPE divides each w_j by a factor of its own (arXiv 2402.13753).
	LongRoPE Kind = "longrope"
)

// kinds is the table of all kinds: the keys that each has in config.json beside those that all
// have, and what checks its values.
var kinds = map[Kind]struct {
	keys  []string
	check func(Spec) []error
}{
	Default: {nil, nil},
	Linear:  {[]string{"factor", "original_max_position_embeddings"}, nil},
	Dynamic: {[]string{"factor", "original_max_position_embeddings"}, checkOriginal},
	YaRN: {[]string{"factor", "original_max_position_embeddings", "attention_factor", "beta_fast",
		"beta_slow", "mscale", "mscale_all_dim", "truncate", "finetuned"}, checkYaRN},
	Llama3: {[]string{"factor", "original_max_position_embeddings", "low_freq_factor",
		"high_freq_factor"}, checkLlama3},
	LongRoPE: {[]string{"factor", "original_max_position_embeddings", "attention_factor",
		"short_factor", "long_factor"}, checkLongRoPE},
}

// Kinds returns all kinds in alphabetical order.
func Kinds() []Kind {
	var all []Kind
	for k := range kinds {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

func kindNames() string {
	var names []string
	for _, k := range Kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

// Spec is a model's rotary embedding.
type Spec struct {
	Kind  Kind
	Theta float64
	// Factor is how many times the context was extended, at least 1. The default kind has 1.
	Factor float64
	// Max is the context that the model has now: max_position_embeddings, save for the dynamic
	// kind, whose config.json keeps Original there (its formula needs it).
	Max int
	// Original is the context before any extension, at most Max.
	Original int

	// Partial is the share of a head's dimensions that turn; 0: all.
	Partial float64
	// LocalTheta is Theta of layers with a window, which no kind extends; 0: they turn as all do.
	LocalTheta float64

	// AttentionFactor scales cosine and sine (YaRN, LongRoPE); 0: as the kind's paper has it.
	AttentionFactor float64
	// BetaFast and BetaSlow are YaRN's numbers of rotations within Original above which a pair is
	// kept and below which it is interpolated. MScale and MScaleAllDim change its attention factor
	// if both are set. NoTruncate leaves the bounds between pairs unrounded.
	BetaFast, BetaSlow, MScale, MScaleAllDim float64
	NoTruncate                               bool
	// LowFreq and HighFreq bound, as BetaSlow and BetaFast do, what Llama3 interpolates and keeps.
	LowFreq, HighFreq float64
	// Short and Long are LongRoPE's factors of each pair, up to Original and beyond.
	Short, Long []float64
}

// Local returns the embedding of layers with a window, which reach no further than that.
func (s Spec) Local() Spec {
	return Spec{Kind: Default, Theta: s.LocalTheta, Factor: 1, Max: s.Max, Original: s.Max}
}

// Validate reports every value that does not fit for heads of size headDim.
func (s Spec) Validate(headDim int) error {
	kind, ok := kinds[s.Kind]
	if !ok {
		return fmt.Errorf("rope: unknown rope_type %q; supported are %s", s.Kind, kindNames())
	}
	all := s.checkAll()
	if kind.check != nil {
		all = append(all, kind.check(s)...)
	}
	if s.Kind == LongRoPE && (len(s.Short) != headDim/2 || len(s.Long) != headDim/2) {
		all = append(all, fmt.Errorf("short_factor has %d and long_factor %d elements, heads of %d "+
			"need %d", len(s.Short), len(s.Long), headDim, headDim/2))
	}
	if err := errors.Join(all...); err != nil {
		return fmt.Errorf("rope %s: %w", s.Kind, err)
	}
	return nil
}

// checkAll checks what all kinds have.
func (s Spec) checkAll() []error {
	var all []error
	if !(s.Theta > 1) {
		all = append(all, fmt.Errorf("rope_theta is %g, want more than 1", s.Theta))
	}
	if !(s.Partial >= 0 && s.Partial <= 1) {
		all = append(all, fmt.Errorf("partial_rotary_factor is %g, want more than 0 and at most 1",
			s.Partial))
	}
	if s.LocalTheta != 0 && !(s.LocalTheta > 1) {
		all = append(all, fmt.Errorf("rope_local_base_freq is %g, want more than 1", s.LocalTheta))
	}
	if !(s.Factor >= 1) {
		all = append(all, fmt.Errorf("factor is %g, want at least 1", s.Factor))
	}
	if s.Max <= 0 {
		all = append(all, fmt.Errorf("max_position_embeddings is %d, want more than 0", s.Max))
	}
	if s.Original <= 0 {
		all = append(all, fmt.Errorf("original_max_position_embeddings is %d, want more than 0",
			s.Original))
	}
	if !(s.AttentionFactor >= 0) {
		all = append(all, fmt.Errorf("attention_factor is %g, want more than 0", s.AttentionFactor))
	}
	return all
}

func checkOriginal(s Spec) []error {
	if s.Original > s.Max {
		return []error{fmt.Errorf("original_max_position_embeddings %d is more than "+
			"max_position_embeddings %d", s.Original, s.Max)}
	}
	return nil
}

func checkYaRN(s Spec) []error {
	all := checkOriginal(s)
	if !(s.BetaSlow > 0 && s.BetaFast >= s.BetaSlow) {
		all = append(all, fmt.Errorf("beta_fast %g and beta_slow %g, want beta_fast >= beta_slow > 0",
			s.BetaFast, s.BetaSlow))
	}
	return all
}

func checkLlama3(s Spec) []error {
	all := checkOriginal(s)
	if !(s.LowFreq > 0 && s.HighFreq > s.LowFreq) {
		all = append(all, fmt.Errorf("low_freq_factor %g and high_freq_factor %g, want "+
			"high_freq_factor > low_freq_factor > 0", s.LowFreq, s.HighFreq))
	}
	return all
}

func checkLongRoPE(s Spec) []error {
	all := checkOriginal(s)
	for _, f := range slices.Concat(s.Short, s.Long) {
		if !(f > 0) {
			all = append(all, fmt.Errorf("a factor of a pair is %g, want more than 0", f))
		}
	}
	if s.Original == 1 {
		all = append(all, errors.New("original_max_position_embeddings is 1, want more"))
	}
	return all
}
