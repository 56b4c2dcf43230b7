package crossentropy

import (
	"longlora/kernels"
	"longlora/kernels/check"
	"longlora/kernels/machine"
)

const (
	// maxKept bounds the exponentials that are kept for the head's gradient, in bytes; maxRows
	// bounds the rows that go through the head's weights together, and minRows is what amortises
	// that.
	maxKept = 64 << 20
	maxRows = 2048
	minRows = 64
	// blockBytes bounds a block of the head's weights, packed for both products: with what a task
	// has besides, it stays in a second-level cache.
	blockBytes         = 600 << 10
	minBlock, maxBlock = 128, 1024
	// gap keeps the exponentials of one token in different rows off the same sets of a cache: a
	// line, in bytes.
	gap = 64
	// slack is how far logits may exceed what is subtracted from them: it changes seldom, and exp
	// of so much costs no precision.
	slack = 16
	// tallTask is the height of a task, in tiles.
	tallTask = 4
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
	c := machine.Kept[call](m)
	*c = call{Machine: m, h: in, l: l, losses: machine.F32(losses), targets: machine.I32(targets),
		scale: scale, capped: l.Cap > 0, vocabulary: l.W.Out(),
		chunk: chunk{rows: c.chunk.rows, others: c.chunk.others}}
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
	*c = call{chunk: chunk{rows: c.chunk.rows, others: c.chunk.others}} // what is the caller's goes
}

// call is one call of CPU.
type call struct {
	*machine.Machine
	h, dh, dw  machine.Matrix // dh and dw have no rows if not wanted
	l          kernels.Linear
	losses     []float32
	capped     bool // the logits are bounded
	targets    []int32
	weights    []float32
	scale      float32
	vocabulary int
	block      int // tokens
	element    int // bytes of an exponential

	chunk chunk // the memory for all chunks
}

func (c *call) run() {
	rows := c.withoutTarget()
	if rows == 0 {
		return
	}
	c.element = 4
	if c.Gemm.Words() {
		c.element = 2
	}
	c.block = min(max(blockBytes/(2*c.element*c.h.D)/64*64, minBlock), maxBlock)
	size := maxRows
	if c.dw.N > 0 {
		size = min(max(maxKept/c.element/c.vocabulary, minRows), maxRows)
	}
	chunks := machine.Chunks(rows, size)
	size = machine.Chunks(rows, chunks)
	c.layOut(size)
	k := &c.chunk
	for t := range c.h.N {
		if c.targets[t] < 0 {
			continue
		}
		if k.rows = append(k.rows, t); len(k.rows) == size {
			c.do(k)
			k.rows = k.rows[:0]
		}
	}
	if len(k.rows) > 0 {
		c.do(k)
	}
}

// withoutTarget does the rows that have none, and returns the number of the others.
func (c *call) withoutTarget() (others int) {
	check.Targets("CrossEntropy", c.targets, c.vocabulary)
	for t := range c.h.N {
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

// do computes the rows of a chunk.
func (c *call) do(k *chunk) {
	c.gather(k)
	for b := range c.blocks() {
		c.through(k, b)
	}
	c.finish(k)
	if c.dw.N > 0 {
		c.headGradient(k)
	}
}

// blocks returns the number of blocks of the vocabulary.
func (c *call) blocks() int { return machine.Chunks(c.vocabulary, c.block) }

// tokens returns the range of a block.
func (c *call) tokens(b int) (from, to int) {
	return b * c.block, min((b+1)*c.block, c.vocabulary)
}
