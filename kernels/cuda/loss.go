package cuda

import (
	"encoding/binary"
	"math"

	"longlora/kernels"
	"longlora/kernels/check"
	"longlora/kernels/cuda/driver"
)

// The logits that exist at a time are at most maxLogits, but of minLogitRows rows, which is what a
// product needs to be fast, and of maxLogitRows rows at most.
const (
	maxLogits    = 32 << 20
	minLogitRows = 256
	maxLogitRows = 2048
)

// logitRows is the number of rows of a chunk.
func logitRows(rows, vocabulary int) int {
	n := min(max(maxLogits/vocabulary, minLogitRows), maxLogitRows)
	chunks := over(max(rows, 1), n)
	return over(max(rows, 1), chunks)
}

// lossScratch is the working memory of CrossEntropy: converted weights, the logits of a chunk, and
// their gradients.
func lossScratch(w kernels.Weight, d kernels.DType, rows int, grad bool) (logits, all int64) {
	n := int64(logitRows(rows, w.Out())) * int64(w.Out())
	logits = aligned(4 * n)
	all = weightScratch(w, d) + logits
	if grad {
		all += aligned(n * d.Size())
	}
	return logits, all
}

// CrossEntropy implements kernels.Backend.
func (b *Backend) CrossEntropy(losses, dh, dw, h kernels.Tensor, l kernels.Linear,
	targets, weights kernels.Tensor, scale float32) {
	check.CrossEntropy(losses, dh, dw, h, l, targets, weights)
	refuseCap(l.Cap)
	check.Targets("CrossEntropy", b.recall("CrossEntropy", targets), l.W.Out())
	c := &loss{b: b, in: matrixOf(h), losses: address(losses), targets: address(targets),
		weights: address(weights), scale: scale}
	if c.in.rows == 0 {
		return
	}
	if !dh.IsZero() {
		c.dh = matrixOf(dh)
	}
	if !dw.IsZero() {
		c.dw = matrixOf(dw)
	}
	size, all := lossScratch(l.W, c.in.dtype, c.in.rows, !dh.IsZero())
	scratch := b.grow(all)
	c.w = b.weights(l.W, c.in.dtype, scratch)
	rows := logitRows(c.in.rows, l.W.Out())
	scratch += uint64(weightScratch(l.W, c.in.dtype))
	c.logits = matrix{scratch, rows, l.W.Out(), l.W.Out(), kernels.F32}
	if !dh.IsZero() {
		c.dz = matrix{scratch + uint64(size), rows, l.W.Out(), l.W.Out(), c.in.dtype}
	}
	for from := 0; from < c.in.rows; from += rows {
		c.chunk(from, min(from+rows, c.in.rows))
	}
}

// loss is one call of CrossEntropy; dh, dz and dw have no address if they are not wanted.
type loss struct {
	b                        *Backend
	in, dh, dw, w            matrix
	logits, dz               matrix
	losses, targets, weights uint64
	scale                    float32
}

// chunk does rows [from, to): their logits, what the softmax makes of them, and its gradients.
func (c *loss) chunk(from, to int) {
	n, skip := to-from, uint64(4*from)
	h, z, dz := c.in.part(from, to), c.logits.part(0, n), c.dz
	c.b.multiply(driver.Product{A: h.operand(), B: c.w.operand(), TurnB: true, C: z.operand(),
		Alpha: 1})
	weights := c.weights
	if weights != 0 {
		weights += skip
	}
	c.b.launch("crossentropy_"+c.in.dtype.String(), n, 1, 1, sumScratch, c.losses+skip, dz.address,
		z.address, c.targets+skip, weights, z.width, z.stride, dz.stride, c.scale)
	if dz.address == 0 {
		return
	}
	dz = dz.part(0, n)
	c.b.multiply(driver.Product{A: dz.operand(), B: c.w.operand(), C: c.dh.part(from, to).operand(),
		Alpha: 1})
	if c.dw.address != 0 {
		c.b.multiply(driver.Product{A: dz.operand(), TurnA: true, B: h.operand(), C: c.dw.operand(),
			Alpha: 1, Beta: 1})
	}
}

// squareChunk is the elements of a block's sum of squares.
const squareChunk = 1 << 16

// SumSquares implements kernels.Backend.
func (b *Backend) SumSquares(ts ...kernels.Tensor) float64 {
	check.SumSquares(ts)
	at := b.squares(ts)
	if at == 0 {
		return b.nothing()
	}
	raw := binary.LittleEndian.AppendUint64(nil, math.Float64bits(math.NaN())) // after an error
	b.d.Download(raw, at)
	return math.Float64frombits(binary.LittleEndian.Uint64(raw))
}

// nothing is the sum of no elements, or NaN after an error.
func (b *Backend) nothing() float64 {
	if b.failed != nil {
		return math.NaN()
	}
	return 0
}

// squares leaves the sum of all squares in working memory and returns where: 0 if there are none, or no
// memory.
func (b *Backend) squares(ts []kernels.Tensor) uint64 {
	var all []matrix
	n := 0
	for _, t := range ts {
		each(func(m []matrix) {
			all = append(all, m[0])
			n += over(m[0].rows*m[0].width, squareChunk)
		}, t)
	}
	if n == 0 {
		return 0
	}
	sum := b.grow(8 * int64(n+1))
	at := sum + 8
	for _, m := range all {
		parts := over(m.rows*m.width, squareChunk)
		b.launch("sum_squares", parts, 1, 1, sumScratch, at, m.address, m.rows,
			m.width, m.stride, squareChunk)
		at += uint64(8 * parts)
	}
	if b.failed != nil {
		return 0
	}
	b.launch("sum_partials", 1, 1, 1, sumScratch, sum, sum+8, n)
	return sum
}

// AdamW implements kernels.Backend.
func (b *Backend) AdamW(p, g, m, v kernels.Tensor, s kernels.AdamWStep) {
	check.AdamW(p, g, m, v, s)
	correct := func(beta float32) float32 {
		return float32(1 / (1 - math.Pow(float64(beta), float64(s.Step))))
	}
	each(func(x []matrix) {
		for row := range x[0].rows { // one, unless there are gaps
			at := func(i int) uint64 { return x[i].part(row, row+1).address }
			b.launch("adamw", blocks(int64(x[0].width)), 1, 1, 0, at(0), at(1), at(2), at(3),
				x[0].width, s.LR, s.Beta1, s.Beta2, s.Eps, s.WeightDecay, s.GradScale,
				correct(s.Beta1), correct(s.Beta2), b.gateOf(s))
		}
	}, p, g, m, v)
}
