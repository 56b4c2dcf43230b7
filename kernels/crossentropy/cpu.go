package crossentropy

import (
	"fmt"
	"math"

	"longlora/kernels"
	"longlora/kernels/machine"
)

const (
	// maxLogits bounds the logits that exist at a time, in floats; maxRows bounds their rows, and
	// minRows is what amortises going through the head's weights.
	maxLogits = 16 << 20
	maxRows   = 1024
	minRows   = 64
	// blockSize bounds the logits between a product and what is made of them, in floats: they stay
	// in a cache.
	blockSize = 512 << 10
	minBlock  = 512
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
	rows      []int     // their places in h
	logits    []float32 // block by block of the vocabulary
	block     int       // tokens of a block
	h, dh     machine.Matrix
	most, sum []float32 // of each row's logits so far: the greatest, Σ exp(logit - most)
}

func (c *call) run() {
	rows := c.withoutTarget()
	if rows == 0 {
		return
	}
	size := min(max(maxLogits/c.vocabulary, minRows), maxRows)
	chunks := machine.Chunks(rows, size)
	size = machine.Chunks(rows, chunks)
	k := c.newChunk(size)
	for t := range c.h.N {
		if c.targets[t] < 0 {
			continue
		}
		if k.rows = append(k.rows, t); len(k.rows) == size {
			c.do(k)
			k.rows = k.rows[:0]
		}
	}
	c.do(k)
}

// withoutTarget does the rows that have none, and returns the number of the others.
func (c *call) withoutTarget() (others int) {
	for t := range c.h.N {
		if int(c.targets[t]) >= c.vocabulary {
			panic(fmt.Sprintf("CrossEntropy: target %d outside vocabulary %d", c.targets[t],
				c.vocabulary))
		}
		if c.targets[t] >= 0 {
			others++
			continue
		}
		c.losses[t] = 0
		if c.dh.N > 0 {
			clear(c.dh.Row(t))
		}
	}
	return others
}

func (c *call) newChunk(size int) *chunk {
	d, block := c.h.D, max(blockSize/size/gap*gap, minBlock)
	block = min(block, (c.vocabulary+gap-1)/gap*gap)
	logits := size * machine.Chunks(c.vocabulary, block) * (block + gap)
	s := c.Shared(logits + size*(2*d+2))
	cut := func(n int) []float32 {
		part := s[:n]
		s = s[n:]
		return part
	}
	return &chunk{
		rows:   make([]int, 0, size),
		logits: cut(logits),
		block:  block,
		h:      machine.Matrix{Data: cut(size * d), D: d, Stride: d},
		dh:     machine.Matrix{Data: cut(size * d), D: d, Stride: d},
		most:   cut(size),
		sum:    cut(size),
	}
}

// do computes the rows of a chunk, a block of the vocabulary after the other: first all logits and
// their sums, then, block by block, gradients and their products.
func (c *call) do(k *chunk) {
	n := len(k.rows)
	if n == 0 {
		return
	}
	for i, t := range k.rows {
		copy(k.h.Row(i), c.h.Row(t))
		k.most[i], k.sum[i] = float32(math.Inf(-1)), 0
	}
	for from := 0; from < c.vocabulary; from += k.block {
		c.score(k, from, min(from+k.block, c.vocabulary))
	}
	for i, t := range k.rows {
		loss := float64(k.most[i]) + math.Log(float64(k.sum[i]))
		target := int(c.targets[t])
		first := target / k.block * k.block
		c.losses[t] = float32(loss - float64(k.columns(first, target+1).Row(i)[target-first]))
	}
	if c.dh.N == 0 {
		return
	}
	for from := 0; from < c.vocabulary; from += k.block {
		c.gradients(k, from, min(from+k.block, c.vocabulary))
	}
	for i, t := range k.rows {
		copy(c.dh.Row(t), k.dh.Row(i))
	}
}

// columns returns the logits of tokens [from, to), which begin a block.
func (k *chunk) columns(from, to int) machine.Matrix {
	stride := k.block + gap
	first := from / k.block * cap(k.rows) * stride
	return machine.Matrix{Data: k.logits[first:], N: len(k.rows), D: to - from, Stride: stride}
}

// score computes the logits of tokens [from, to) and carries on the sums.
func (c *call) score(k *chunk, from, to int) {
	part := k.columns(from, to)
	weights := machine.Weights(c.l.W, true).From(0, from)
	c.Gemm.Multiply(part.C(), k.h.A(), weights, part.N, part.D, c.h.D, false)
	c.Rows(part.N, 4*part.D, func(worker, i, end int) {
		scratch := c.Own(worker, part.D)
		for ; i < end; i++ {
			row := part.Row(i)
			most := max(k.most[i], c.Ops.Max(row))
			k.sum[i] *= float32(math.Exp(float64(k.most[i] - most)))
			k.most[i] = most
			k.sum[i] += c.Ops.ExpSum(scratch, row, 1, most)
		}
	})
}

// gradients turns the logits of tokens [from, to) into their gradients, and multiplies those.
func (c *call) gradients(k *chunk, from, to int) {
	part := k.columns(from, to)
	c.Rows(part.N, 4*part.D, func(_, i, end int) {
		for ; i < end; i++ {
			row, t := part.Row(i), k.rows[i]
			g := c.scale * c.weights[t]
			c.Ops.ExpSum(row, row, 1, k.most[i])
			c.Ops.Scale(row, g/k.sum[i])
			if target := int(c.targets[t]); from <= target && target < to {
				row[target-from] -= g
			}
		}
	})
	if c.dw.N > 0 {
		dw := c.dw.Rows(from, to)
		c.Gemm.Multiply(dw.C(), part.T(), k.h.B(1), part.D, c.h.D, part.N, true)
	}
	weights := machine.Weights(c.l.W, false).From(from, 0)
	c.Gemm.Multiply(k.dh.C(), part.A(), weights, part.N, c.h.D, part.D, from > 0)
}
