package crossentropy

import (
	"fmt"
	"math"

	"longlora/kernels"
	"longlora/kernels/machine"
)

const (
	// maxLogits bounds the logits that exist at a time, in floats; maxRows bounds their rows, and
	// minRows is what amortises packing the head's weights.
	maxLogits = 4 << 20
	maxRows   = 1024
	minRows   = 64
	// gap keeps the logits of one token in different rows off the same sets of a cache.
	gap = 16
)

// CPU computes losses and, if dh is present, the gradients of scale·Σ weights·losses: dh is
// overwritten, dw (if present) added to. Rows without a target cost nothing.
func CPU(m *machine.Machine, losses, dh, dw, h kernels.Tensor, l kernels.Linear,
	targets, weights kernels.Tensor, scale float32) {
	if !l.A.IsZero() {
		panic("CrossEntropy: the head has an adapter")
	}
	in := machine.View(h)
	machine.Want("CrossEntropy", "h", h, in.N, l.W.In())
	machine.Want("CrossEntropy", "losses", losses, in.N)
	machine.Want("CrossEntropy", "targets", targets, in.N)
	c := &call{Machine: m, h: in, l: l, losses: machine.F32(losses), targets: machine.I32(targets),
		scale: scale, vocabulary: l.W.Out()}
	if !dh.IsZero() {
		machine.Want("CrossEntropy", "dh", dh, in.N, in.D)
		machine.Want("CrossEntropy", "weights", weights, in.N)
		c.dh, c.weights = machine.View(dh), machine.F32(weights)
	}
	if !dw.IsZero() {
		machine.Want("CrossEntropy", "dw", dw, c.vocabulary, in.D)
		c.dw = machine.View(dw)
	}
	c.run()
}

// call is one call of CPU.
type call struct {
	*machine.Machine
	h, dh, dw  machine.Matrix // dh and dw have no rows if not wanted
	l          kernels.Linear
	losses     []float32
	targets    []int32
	weights    []float32
	scale      float32
	vocabulary int
}

// chunk is the memory for some rows that have a target.
type chunk struct {
	rows          []int // their places in h
	logits, h, dh machine.Matrix
}

func (c *call) run() {
	size := min(max(maxLogits/c.vocabulary, minRows), maxRows, c.h.N)
	k := c.newChunk(size)
	for t := range c.h.N {
		if c.targets[t] < 0 {
			c.losses[t] = 0
			if c.dh.N > 0 {
				clear(c.dh.Row(t))
			}
			continue
		}
		if int(c.targets[t]) >= c.vocabulary {
			panic(fmt.Sprintf("CrossEntropy: target %d outside vocabulary %d", c.targets[t],
				c.vocabulary))
		}
		if k.rows = append(k.rows, t); len(k.rows) == size {
			c.do(k)
			k.rows = k.rows[:0]
		}
	}
	c.do(k)
}

func (c *call) newChunk(size int) *chunk {
	stride, d := (c.vocabulary+15)/16*16+gap, c.h.D
	s := c.Shared(size * (stride + 2*d))
	return &chunk{
		logits: machine.Matrix{Data: s, D: c.vocabulary, Stride: stride},
		h:      machine.Matrix{Data: s[size*stride:], D: d, Stride: d},
		dh:     machine.Matrix{Data: s[size*(stride+d):], D: d, Stride: d},
	}
}

// do computes the rows of a chunk.
func (c *call) do(k *chunk) {
	n := len(k.rows)
	for i, t := range k.rows {
		copy(k.h.Row(i), c.h.Row(t))
	}
	c.Gemm.Multiply(k.logits.C(), k.h.A(), machine.Weights(c.l.W, true), n, c.vocabulary, c.h.D,
		false)
	c.Rows(n, 8*c.vocabulary, func(_, from, to int) {
		for i := from; i < to; i++ {
			c.row(k.logits.Row(i), k.rows[i])
		}
	})
	if c.dw.N > 0 {
		c.Gemm.Multiply(c.dw.C(), k.logits.T(), k.h.B(1), c.vocabulary, c.h.D, n, true)
	}
	if c.dh.N > 0 {
		c.Gemm.Multiply(k.dh.C(), k.logits.A(), machine.Weights(c.l.W, false), n, c.h.D,
			c.vocabulary, false)
		for i, t := range k.rows {
			copy(c.dh.Row(t), k.dh.Row(i))
		}
	}
}

// row writes the loss of row t and turns its logits into their gradients.
func (c *call) row(logits []float32, t int) {
	target := c.targets[t]
	most, aim := c.Ops.Max(logits), float64(logits[target])
	sum := c.Ops.ExpSum(logits, logits, 1, most)
	c.losses[t] = float32(float64(most) + math.Log(float64(sum)) - aim)
	if c.dh.N > 0 {
		g := c.scale * c.weights[t]
		c.Ops.Scale(logits, g/sum)
		logits[target] -= g
	}
}
