package model

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strings"

	"longlora/kernels"
)

// initStd is the standard deviation of a new matrix's elements (initializer_range of LlamaConfig).
const initStd = 0.02

// Init gives every parameter its value at the start of a training from scratch: normal with
// standard deviation 0.02, that of the projections back into the residual stream divided by
// sqrt(2·layers) (GPT-2's way), norms such that they multiply by 1,
// biases 0, adapters as InitAdapters. A tensor's values are a pure
// function of seed, its name and its shape.
func (m *Model) Init(seed uint64) error {
	m.fresh = false
	plus := m.config.Arch.Norm == RMSNormPlus
	for _, p := range m.params.Base() {
		std := initStd
		if strings.HasSuffix(p.Name, m.config.names().linear[oProj]+".weight") ||
			strings.HasSuffix(p.Name, m.config.names().linear[downProj]+".weight") {
			std /= math.Sqrt(2 * float64(m.config.Layers))
		}
		rng := generator(seed, p.Name)
		m.b.Write(p.Value, fill(p, func() float64 {
			switch {
			case strings.HasSuffix(p.Name, ".bias"), p.Group == GroupNorm && plus:
				return 0
			case p.Group == GroupNorm:
				return 1
			}
			return std * rng.NormFloat64()
		}))
	}
	return m.InitAdapters(seed)
}

// InitAdapters makes adapters that change nothing yet, as PEFT does: A uniform in ±1/sqrt(in), as a
// Kaiming initialisation with a = sqrt(5) comes to, and B zero; of the embedding A zero and B normal;
// DoRA's magnitudes the norms of the rows, and rows that are trained alone what they are, for which the
// base must be there.
func (m *Model) InitAdapters(seed uint64) error {
	m.fresh = false
	for _, p := range m.params.Adapters() {
		rng := generator(seed, p.Name)
		switch {
		case strings.HasSuffix(p.Name, LoRAB), strings.HasSuffix(p.Name, EmbedA):
			m.b.Zero(p.Value)
		case strings.HasSuffix(p.Name, EmbedB):
			m.b.Write(p.Value, fill(p, rng.NormFloat64))
		case strings.HasSuffix(p.Name, LoRAA):
			bound := 1 / math.Sqrt(float64(p.shape[1]))
			m.b.Write(p.Value, fill(p, func() float64 { return bound * (2*rng.Float64() - 1) }))
		}
	}
	take := func(own, place kernels.Tensor) { m.b.Copy(own, place) }
	m.embedRows.each(take)
	m.headRows.each(take)
	for _, l := range m.magnitudes() {
		m.b.AdapterNorms(l.m.Value, l.plain())
	}
	return m.b.Sync()
}

func generator(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name)) // never fails
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

func fill(p *Param, next func() float64) []float32 {
	values := make([]float32, p.Len())
	for i := range values {
		values[i] = float32(next())
	}
	return values
}
