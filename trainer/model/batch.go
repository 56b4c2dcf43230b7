package model

import (
	"fmt"

	"longlora/kernels"
)

// Batch is a micro-batch of T tokens: documents laid end to end.
type Batch struct {
	// IDs and Positions have one entry a token; positions start anew in each document.
	IDs, Positions []int32
	// Targets[t] is the token to be predicted after reading token t; negative: none. Weights[t] is
	// its weight. Both are nil where there is nothing to predict.
	Targets []int32
	Weights []float32
	// Segments says which keys each query sees, among the T tokens.
	Segments kernels.Segments
	// Layers has the segments of each layer, where they differ; nil: all have Segments.
	Layers []kernels.Segments
	// Seed determines the masks of the adapters' dropout.
	Seed uint64
}

// Document returns the batch of one document under full attention, each token after the first a
// target of weight 1. heads is Config.Heads.
func Document(ids []int32, heads int) *Batch {
	n := len(ids)
	b := &Batch{
		IDs: ids, Positions: make([]int32, n), Targets: make([]int32, n),
		Weights: make([]float32, n), Segments: Full(n, heads, 0),
	}
	for t := range n {
		b.Positions[t], b.Targets[t] = int32(t), -1
		if t+1 < n {
			b.Targets[t], b.Weights[t] = ids[t+1], 1
		}
	}
	return b
}

// Full returns full causal attention of queries that follow cached keys; keys counts both.
func Full(keys, heads, cached int) kernels.Segments {
	return kernels.Segments{
		Groups: []kernels.HeadGroup{{From: 0, To: heads, Bounds: []int32{0, int32(keys)}}},
		Offset: cached,
	}
}

// At returns the segments of a layer.
func (b *Batch) At(layer int) kernels.Segments {
	if b.Layers != nil {
		return b.Layers[layer]
	}
	return b.Segments
}

// Check refuses what the operators would not survive. Gradient, Losses and Logits call it.
func (m *Model) Check(b *Batch) error {
	n := len(b.IDs)
	if n == 0 {
		return fmt.Errorf("batch: no tokens")
	}
	if len(b.Positions) != n || b.Targets != nil && (len(b.Targets) != n || len(b.Weights) != n) {
		return fmt.Errorf("batch: %d ids, but %d positions, %d targets, %d weights",
			n, len(b.Positions), len(b.Targets), len(b.Weights))
	}
	for t, id := range b.IDs {
		if id < 0 || int(id) >= m.config.Vocab {
			return fmt.Errorf("batch: token %d at %d outside vocabulary %d", id, t, m.config.Vocab)
		}
		if p := b.Positions[t]; p < 0 || int(p) >= m.options.Context {
			return fmt.Errorf("batch: position %d at token %d outside context %d",
				p, t, m.options.Context)
		}
	}
	for t, id := range b.Targets {
		if int(id) >= m.config.Vocab {
			return fmt.Errorf("batch: target %d at %d outside vocabulary %d", id, t, m.config.Vocab)
		}
	}
	if b.Layers != nil && len(b.Layers) != m.config.Layers {
		return fmt.Errorf("batch: segments of %d layers, the model has %d",
			len(b.Layers), m.config.Layers)
	}
	for l := range m.config.Layers {
		for _, g := range b.At(l).Groups {
			if last := len(g.Bounds) - 1; last < 1 || int(g.Bounds[last]) != n {
				return fmt.Errorf("batch: segments of heads [%d, %d) do not end at token %d",
					g.From, g.To, n)
			}
		}
	}
	return nil
}
