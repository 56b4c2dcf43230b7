package model

import (
	"slices"

	"longlora/kernels"
)

// linear is a linear layer with its adapter, if it has one.
type linear struct {
	id      int // distinguishes the dropout masks of a model's layers
	w       *Param
	own     kernels.Weight // w's value
	a, b, m *Param         // m is DoRA's magnitude
	norm    kernels.Tensor // that it is divided by
	scale   float32
	dropout float32
	bias    *Param // nil: none
}

// operand returns what the backend needs for rows that begin at token from. Without a seed there is
// no dropout.
func (l *linear) operand(seed uint64, from int) kernels.Linear {
	k := kernels.Linear{W: l.own}
	if l.a == nil {
		return k
	}
	k.A, k.B, k.Scale, k.Spare = l.a.Value, l.b.Value, l.scale, l.w.spare
	if l.m != nil {
		k.Magnitude, k.Norm = l.m.Value, l.norm
	}
	if seed != 0 {
		k.Dropout = l.dropout
		k.Seed = mix(mix(seed, uint64(l.id)), uint64(from))
	}
	return k
}

// Operand returns the linear layer of a module, as "mlp.up_proj", as the backend takes it for rows
// that begin at token from of a micro-batch with that seed.
func (m *Model) Operand(layer int, module string, seed uint64, from int) kernels.Linear {
	return m.layers[layer].linear[slices.Index(m.config.names().linear[:], module)].operand(seed, from)
}

// RowsAtOnce returns how many of a micro-batch's tokens share an Operand of a module.
func RowsAtOnce(module string, tokens int) int {
	if module == linearModules[oProj] {
		return tokens
	}
	return defaultMLPRows
}

func (l *linear) gradients() kernels.LinearGrad {
	g := kernels.LinearGrad{DW: l.w.Grad}
	if l.a != nil {
		g.DA, g.DB = l.a.Grad, l.b.Grad
	}
	if l.m != nil {
		g.DMagnitude = l.m.Grad
	}
	return g
}

// low cuts the tensor for the adapter's inner activation off the arena: absent without adapter.
func (m *Model) low(l *linear, tokens int) kernels.Tensor {
	if l.a == nil {
		return kernels.Tensor{}
	}
	return m.f32(tokens, l.a.shape[0])
}

// mix is SplitMix64's finalizer (Steele et al. 2014) over a pair.
func mix(seed, n uint64) uint64 {
	x := seed + (n+1)*0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}
