package crossentropy

import (
	"math"
	"unsafe"

	"longlora/kernels/gemm"
	"longlora/kernels/machine"
	"longlora/kernels/softcap"
)

// chunk is the memory for some rows that have a target. exp is relative to a row's shift, which is
// near the greatest of its logits.
type chunk struct {
	size   int       // the most rows
	rows   []int     // their places in h
	h      operand   // [size, D]
	dh     []float32 // [size, D], up to a factor
	exps   operand   // of all blocks, one after the other [size, block] each; empty: not kept
	packed []float32 // the head's weights for both products
	shift  []float32 // of each row
	aims   []float32 // the targets' logits
	others []float64 // Σ exp(logit - shift) over all tokens but the target
	factor []float32 // of exp in the gradient
	single []float32 // of the target in the gradient
}

// operand is a left operand in memory: rows of floats, or of brain floats if those cost less.
type operand struct {
	data  []float32
	row   int // stride, in elements
	words bool
}

// newOperand returns the operand of rows with gaps, without memory.
func (c *call) newOperand(d int) operand {
	return operand{row: (d+1)/2*2 + gap/c.element, words: c.Gemm.Words()}
}

// floats returns the floats that n rows take.
func (x operand) floats(n int) int {
	if x.words {
		return n * x.row / 2
	}
	return n * x.row
}

// brains returns the elements from row i on.
func (x operand) brains(i int) []uint16 {
	return unsafe.Slice((*uint16)(unsafe.Pointer(&x.data[0])), 2*len(x.data))[i*x.row:]
}

// from returns the rows from row i on as left operand.
func (x operand) from(i int) gemm.A {
	if x.words {
		return gemm.A{BF16: x.brains(i), Row: x.row, Col: 1}
	}
	return gemm.A{Data: x.data[i*x.row:], Row: x.row, Col: 1}
}

// layOut makes c.chunk one of size rows.
func (c *call) layOut(size int) {
	const line = 16
	k := &c.chunk
	if cap(k.rows) < size {
		k.rows, k.others = make([]int, 0, size), make([]float64, size)
	}
	k.rows, k.size = k.rows[:0], size
	k.h = c.newOperand(c.h.D)
	sizes := [...]int{k.h.floats(size), 0, 0, c.packedSize(size), size, size, size, size}
	if c.dw.N > 0 {
		k.exps = c.newOperand(c.block)
		sizes[1] = k.exps.floats(size * c.blocks())
	}
	if c.dh.N > 0 {
		sizes[2] = (size*c.h.D + line - 1) / line * line
	}
	all := 0
	for _, n := range sizes {
		all += n
	}
	s := c.Shared(all)
	for i, to := range [...]*[]float32{&k.h.data, &k.exps.data, &k.dh, &k.packed, &k.shift, &k.aims,
		&k.factor, &k.single} {
		*to, s = s[:sizes[i]:sizes[i]], s[sizes[i]:]
	}
}

// packedSize is the most that right operands take: a block of weights both ways, or all of a
// chunk's h.
func (c *call) packedSize(size int) int {
	n := c.Gemm.PackedSize(c.block, c.h.D)
	if c.dh.N > 0 {
		n += c.Gemm.PackedSize(c.h.D, c.block)
	}
	if c.dw.N > 0 {
		n = max(n, c.Gemm.PackedSize(c.h.D, size))
	}
	return n
}

// gather copies the chunk's rows of h.
func (c *call) gather(k *chunk) {
	machine.Rows(c.Machine, len(k.rows), c.h.D, gathering{c, k}, (*gathering).rows)
}

// gathering is one call of gather.
type gathering struct {
	*call
	k *chunk
}

func (c *gathering) rows(_, i, end int) {
	for k := c.k; i < end; i++ {
		row := c.h.Row(k.rows[i])
		if k.h.words {
			c.Ops.Shrink(k.h.brains(i)[:len(row)], row)
		} else {
			copy(k.h.data[i*k.h.row:], row)
		}
		k.shift[i], k.others[i] = float32(math.Inf(-1)), 0
	}
}

// through takes all rows through a block of the vocabulary: logits, exponentials, and what they
// give to dh.
func (c *call) through(k *chunk, b int) {
	from, to := c.tokens(b)
	n, d := to-from, c.h.D
	forward := c.Gemm.Pack(k.packed, machine.Weights(c.l.W, true).From(0, from), n, d)
	var back gemm.Packed
	if c.dh.N > 0 {
		rest := k.packed[c.Gemm.PackedSize(n, d):]
		back = c.Gemm.Pack(rest, machine.Weights(c.l.W, false).From(from, 0), d, n)
	}
	height, threads := c.Gemm.Kernels().Rows, c.Pool.Threads()
	strips := machine.Chunks(len(k.rows), height)
	tasks := min(strips, machine.Chunks(machine.Chunks(strips, tallTask), threads)*threads)
	machine.Tasks(c.Machine, tasks, len(k.rows)*4*n*d,
		passing{c, k, b, n, strips, tasks, forward, back}, (*passing).strips)
}

// passing is one call of through: n tokens, strips of rows shared out among tasks.
type passing struct {
	*call
	k             *chunk
	b, n          int
	all, tasks    int
	forward, back gemm.Packed
}

// strips does a task's rows, whole tiles but for the last.
func (c *passing) strips(worker, i int) {
	height, k, d := c.Gemm.Kernels().Rows, c.k, c.h.D
	i, end := i*c.all/c.tasks*height, min((i+1)*c.all/c.tasks*height, len(k.rows))
	logits, exps, spare := c.scratch(worker, end-i)
	first := 0
	if c.dw.N > 0 {
		exps, first = k.exps, c.b*k.size+i
	}
	c.Gemm.Rows(worker, logits, k.h.from(i), c.forward, end-i, false)
	for r := range end - i {
		c.exponentials(k, i+r, c.b, logits.Data[r*logits.Row:][:c.n], exps, first+r, spare)
	}
	if c.dh.N > 0 {
		c.Gemm.Rows(worker, gemm.C{Data: k.dh[i*d:], Row: d}, exps.from(first), c.back, end-i, c.b > 0)
	}
}

// scratch returns a worker's memory for the logits and the exponentials of n rows, and for a block
// of bounded logits.
func (c *call) scratch(worker, n int) (logits gemm.C, exps operand, spare []float32) {
	row, more := c.block+gap/4, 0
	if c.capped {
		more = c.block
	}
	s := c.Own(worker, 2*n*row+more)
	exps = operand{data: s[n*row : 2*n*row], row: 4 * row / c.element, words: c.Gemm.Words()}
	return gemm.C{Data: s[:n*row], Row: row}, exps, s[2*n*row:]
}

// exponentials turns row i's logits of block b into exponentials, 0 for the target, and writes them
// to row at of exps. What bounds the logits is part of them there, for the gradient.
func (c *call) exponentials(k *chunk, i, b int, logits []float32, exps operand, at int,
	spare []float32) {
	if c.capped {
		c.Ops.SoftCap(logits, logits, spare, 1, c.l.Cap)
	}
	if most := c.Ops.Max(logits); !(most <= k.shift[i]+slack) {
		c.raise(k, i, b, most)
	}
	from, _ := c.tokens(b)
	target := int(c.targets[k.rows[i]]) - from
	if target >= 0 && target < len(logits) {
		k.aims[i] = logits[target]
		logits[target] = float32(math.Inf(-1))
	}
	var sum float32
	if c.capped {
		spare = spare[:len(logits)]
		sum = c.Ops.ExpSum(spare, logits, 1, k.shift[i])
		if target >= 0 && target < len(logits) {
			logits[target] = 0 // its exponential is 0
		}
		c.Ops.SoftCapSlope(spare, logits, c.l.Cap)
		if exps.words {
			c.Ops.Shrink(exps.brains(at)[:len(logits)], spare)
		} else {
			copy(exps.data[at*exps.row:], spare)
		}
	} else if exps.words {
		sum = c.Ops.ExpSumBrain(exps.brains(at)[:len(logits)], logits, 1, k.shift[i])
	} else {
		sum = c.Ops.ExpSum(exps.data[at*exps.row:][:len(logits)], logits, 1, k.shift[i])
	}
	k.others[i] += float64(sum)
}

// raise gives row i another shift before block b.
func (c *call) raise(k *chunk, i, b int, shift float32) {
	shrink := float32(math.Exp(float64(k.shift[i] - shift)))
	k.shift[i] = shift
	if b == 0 {
		return
	}
	k.others[i] *= float64(shrink)
	if c.dh.N > 0 {
		c.Ops.Scale(k.dh[i*c.h.D:][:c.h.D], shrink)
	}
	if c.dw.N == 0 {
		return
	}
	for earlier := range b {
		at := earlier*k.size + i
		if k.exps.words {
			c.Ops.ScaleBrain(k.exps.brains(at)[:c.block], shrink)
		} else {
			c.Ops.Scale(k.exps.data[at*k.exps.row:][:c.block], shrink)
		}
	}
}

// finish computes losses, and dh as far as it is wanted.
func (c *call) finish(k *chunk) {
	machine.Rows(c.Machine, len(k.rows), 2*c.h.D,
		finishing{c, k, machine.Weights(c.l.W, false)}, (*finishing).rows)
}

// finishing is one call of finish.
type finishing struct {
	*call
	k     *chunk
	table gemm.B // the head's weights
}

func (c *finishing) rows(worker, i, end int) {
	for k := c.k; i < end; i++ {
		t := k.rows[i]
		aim := math.Exp(float64(k.aims[i] - k.shift[i]))
		sum := k.others[i] + aim
		c.losses[t] = float32(float64(k.shift[i]) - float64(k.aims[i]) + math.Log(sum))
		if c.dh.N == 0 {
			continue
		}
		// The target's p - 1 is the others' sum, without the cancellation.
		g := float64(c.scale) * float64(c.weights[t])
		k.factor[i], k.single[i] = float32(g/sum), float32(-g*k.others[i]/sum)
		if c.capped {
			k.single[i] *= softcap.Slope(k.aims[i], c.l.Cap)
		}
		row := c.dh.Row(t)
		copy(row, k.dh[i*c.h.D:])
		c.Ops.Scale(row, k.factor[i])
		token := c.table.From(int(c.targets[t]), 0)
		c.Ops.Axpy(row, k.single[i], token.RowFloats(c.h.D, c.Own(worker, c.h.D)))
	}
}

// headGradient adds the chunk's part of dw.
func (c *call) headGradient(k *chunk) {
	n, d := len(k.rows), c.h.D
	right := c.scaledRows(k)
	groups := machine.Chunks(c.block, headTiles*c.Gemm.Kernels().Rows)
	machine.Tasks(c.Machine, c.blocks()*groups, n*d*c.vocabulary, deriving{c, k, right, groups},
		(*deriving).tokens)
	machine.Tasks(c.Machine, machine.Chunks(d, columns), n*d, adding{c, k}, (*adding).columns)
}

const (
	// headTiles is the height of a task of headGradient, in tiles; columns are those of a task that
	// adds the targets' part.
	headTiles = 12
	columns   = 64
)

// deriving is headGradient for all tokens alike.
type deriving struct {
	*call
	k      *chunk
	right  gemm.Packed
	groups int // of a block
}

func (c *deriving) tokens(worker, i int) {
	b, height := i/c.groups, headTiles*c.Gemm.Kernels().Rows
	from, to := c.call.tokens(b)
	first := i % c.groups * height
	if rows := min(to-from-first, height); rows > 0 {
		a := c.k.exps.from(b*c.k.size).From(0, first)
		a.Row, a.Col = 1, a.Row
		c.Gemm.Rows(worker, c.dw.Rows(from+first, to).C(), a, c.right, rows, true)
	}
}

// adding is headGradient for the targets.
type adding struct {
	*call
	k *chunk
}

func (c *adding) columns(_, i int) {
	from, to := i*columns, min((i+1)*columns, c.h.D)
	for r, t := range c.k.rows {
		c.Ops.Axpy(c.dw.Row(int(c.targets[t]))[from:to], c.k.single[r], c.h.Row(t)[from:to])
	}
}

// scaledRows packs factor·h as right operand [rows, D].
func (c *call) scaledRows(k *chunk) gemm.Packed {
	n, d := len(k.rows), c.h.D
	p := c.Gemm.Place(k.packed, d, n)
	machine.Tasks(c.Machine, machine.Chunks(n, piece), n*d, scaling{c, k, p}, (*scaling).rows)
	return p
}

// piece is the rows of a task of scaledRows.
const piece = 64

// scaling is one call of scaledRows.
type scaling struct {
	*call
	k *chunk
	p gemm.Packed
}

func (c *scaling) rows(worker, i int) {
	d := c.h.D
	from, to := i*piece, min((i+1)*piece, len(c.k.rows))
	rows := c.Own(worker, piece*d)
	for r := from; r < to; r++ {
		row := rows[(r-from)*d:][:d]
		clear(row)
		c.Ops.Axpy(row, c.k.factor[r], c.h.Row(c.k.rows[r]))
	}
	c.Gemm.PackRows(worker, c.p, gemm.B{F32: rows, Row: d, Col: 1}, from, to)
}
