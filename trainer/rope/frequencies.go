package rope

import (
	"fmt"
	"math"
)

// Frequencies returns the angle per position, in radians, of each of headDim/2 pairs, and the
// factor of cosine and sine. length is the number of positions of the sequence: the dynamic and
// LongRoPE kinds depend on it, and use the same for every position, as transformers does for a
// prompt of that length. s must be valid for headDim.
func (s Spec) Frequencies(headDim, length int) (w []float32, scale float64) {
	switch s.Kind {
	case Default:
		return powers(s.Theta, headDim), 1
	case Linear:
		w = powers(s.Theta, headDim)
		for j := range w {
			w[j] /= float32(s.Factor)
		}
		return w, 1
	case Dynamic:
		return powers(s.dynamicTheta(headDim, length), headDim), 1
	case YaRN:
		return s.yarn(headDim), s.yarnScale()
	case Llama3:
		return s.llama3(headDim), 1
	case LongRoPE:
		return s.longRoPE(headDim, length), s.longRoPEScale()
	}
	panic(fmt.Sprintf("rope: unknown kind %q", s.Kind))
}

// periods returns theta^(2j/d), the time in which pair j turns by one radian. The exponent is
// rounded to float32 first: for theta 500,000 that moves the result by up to seven units in the
// last place.
func periods(theta float64, d int) []float32 {
	p := make([]float32, d/2)
	for j := range p {
		p[j] = float32(math.Pow(theta, float64(float32(2*j)/float32(d))))
	}
	return p
}

func powers(theta float64, d int) []float32 {
	w := periods(theta, d)
	for j := range w {
		w[j] = 1 / w[j]
	}
	return w
}

// dynamicTheta raises theta such that the slowest pair is interpolated by how much length exceeds
// the original context, as u/emozilla proposed.
func (s Spec) dynamicTheta(d, length int) float64 {
	if length <= s.Original {
		return s.Theta
	}
	exceeds := float32(s.Factor*float64(length))/float32(s.Original) - float32(s.Factor-1)
	growth := float32(math.Pow(float64(exceeds), float64(d)/float64(d-2)))
	return float64(float32(s.Theta) * growth)
}

// yarn is arXiv 2309.00071, equations 22 and 23 ("NTK-by-parts"), with the ramp over pair indices
// that the authors' code has.
func (s Spec) yarn(d int) []float32 {
	low, high := s.yarnPair(s.BetaFast, d), s.yarnPair(s.BetaSlow, d)
	if !s.NoTruncate {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = max(low, 0), min(high, float64(d-1))
	if low == high {
		high += 0.001
	}
	w := periods(s.Theta, d)
	for j, period := range w {
		ramp := (float32(j) - float32(low)) / float32(high-low)
		keep := 1 - min(max(ramp, 0), 1)
		interpolated := 1 / (float32(s.Factor) * period)
		kept := 1 / period
		w[j] = float32(interpolated*(1-keep)) + float32(kept*keep)
	}
	return w
}

// yarnPair returns the index, unrounded, of the pair that turns rotations times within the original
// context.
func (s Spec) yarnPair(rotations float64, d int) float64 {
	return float64(d) * math.Log(float64(s.Original)/(rotations*2*math.Pi)) / (2 * math.Log(s.Theta))
}

func (s Spec) yarnScale() float64 {
	if s.AttentionFactor != 0 {
		return s.AttentionFactor
	}
	mscale := func(m float64) float64 {
		if s.Factor <= 1 {
			return 1
		}
		return 0.1*m*math.Log(s.Factor) + 1
	}
	if s.MScale != 0 && s.MScaleAllDim != 0 {
		return mscale(s.MScale) / mscale(s.MScaleAllDim)
	}
	return mscale(1)
}

// llama3 follows apply_scaling of Meta's llama-models.
func (s Spec) llama3(d int) []float32 {
	original, factor := float32(s.Original), float32(s.Factor)
	low, high := float32(s.LowFreq), float32(s.HighFreq)
	w := powers(s.Theta, d)
	for j, x := range w {
		wavelength := float32(1/x) * float32(2*math.Pi)
		switch {
		case wavelength > float32(float64(s.Original)/s.LowFreq):
			w[j] = x / factor
		case wavelength >= float32(float64(s.Original)/s.HighFreq):
			smooth := (float32(float32(1/wavelength)*original) - low) / (high - low)
			w[j] = float32(float32((1-smooth)*x)/factor) + float32(smooth*x)
		}
	}
	return w
}

func (s Spec) longRoPE(d, length int) []float32 {
	factors := s.Short
	if length > s.Original {
		factors = s.Long
	}
	w := periods(s.Theta, d)
	for j := range w {
		w[j] = 1 / (float32(factors[j]) * w[j])
	}
	return w
}

func (s Spec) longRoPEScale() float64 {
	if s.AttentionFactor != 0 {
		return s.AttentionFactor
	}
	if s.Factor <= 1 {
		return 1
	}
	return math.Sqrt(1 + math.Log(s.Factor)/math.Log(float64(s.Original)))
}

// Tables returns cosine and sine of the positions [0, length), row-major [length, headDim/2], times
// the kind's attention factor. See Frequencies for what length means.
func (s Spec) Tables(headDim, length int) (cos, sin []float32) {
	w, scale := s.Frequencies(headDim, length)
	cos = make([]float32, 0, length*len(w))
	sin = make([]float32, 0, length*len(w))
	for m := range length {
		for _, x := range w {
			sine, cosine := math.Sincos(float64(float32(m) * x))
			cos = append(cos, float32(cosine)*float32(scale))
			sin = append(sin, float32(sine)*float32(scale))
		}
	}
	return cos, sin
}

// Rotary returns Tables for heads of size headDim: what model.Options.Rotary wants.
func (s Spec) Rotary(headDim int) func(length int) (cos, sin []float32) {
	return func(length int) (cos, sin []float32) { return s.Tables(headDim, length) }
}

// AttentionScale returns the factor of cosine and sine.
func (s Spec) AttentionScale() float64 {
	switch s.Kind {
	case YaRN:
		return s.yarnScale()
	case LongRoPE:
		return s.longRoPEScale()
	}
	return 1
}
