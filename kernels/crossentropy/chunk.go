package crossentropy

import (
	"math"
	"unsafe"

	"longlora/kernels/gemm"
	"longlora/kernels/machine"
)

// chunk is the memory for some rows that have a target. exp is relative to a row's shift, which is
// near the greatest of its logits.
type chunk struct {
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

// newOperand returns the operand of rows in memory that cut gives, with gaps.
func (c *call) newOperand(n, d int, cut func(int) []float32) operand {
	x := operand{row: (d+1)/2*2 + gap/c.element, words: c.Gemm.Words()}
	x.data = cut(x.floats(n))
	return x
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

func (c *call) newChunk(size int) *chunk {
	var s []float32
	need := 0
	count := func(n int) []float32 {
		need += n
		return nil
	}
	cut := func(n int) []float32 {
		part := s[:n:n]
		s = s[n:]
		return part
	}
	c.layOut(size, count)
	s = c.Shared(need)
	return c.layOut(size, cut)
}

// layOut returns a chunk of size rows in memory that cut gives.
func (c *call) layOut(size int, cut func(int) []float32) *chunk {
	const line = 16
	k := &chunk{rows: make([]int, 0, size), h: c.newOperand(size, c.h.D, cut)}
	if c.dw.N > 0 {
		k.exps = c.newOperand(size*c.blocks(), c.block, cut)
	}
	if c.dh.N > 0 {
		k.dh = cut((size*c.h.D + line - 1) / line * line)
	}
	k.packed = cut(c.packedSize(size))
	k.shift, k.aims, k.factor, k.single = cut(size), cut(size), cut(size), cut(size)
	k.others = make([]float64, size)
	return k
}

// packedSize is the most that right operands take: a block of weights both ways, or all of a chunk's
// h.
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
	c.Rows(len(k.rows), c.h.D, func(_, i, end int) {
		for ; i < end; i++ {
			row := c.h.Row(k.rows[i])
			if k.h.words {
				c.Ops.Shrink(k.h.brains(i)[:len(row)], row)
			} else {
				copy(k.h.data[i*k.h.row:], row)
			}
			k.shift[i], k.others[i] = float32(math.Inf(-1)), 0
		}
	})
}

// through takes all rows through a block of the vocabulary: logits, exponentials, and what they give
// to dh.
func (c *call) through(k *chunk, b int) {
	from, to := c.tokens(b)
	n, d := to-from, c.h.D
	forward := c.Gemm.Pack(k.packed, machine.Weights(c.l.W, true).From(0, from), n, d)
	var back gemm.Packed
	if c.dh.N > 0 {
		rest := k.packed[c.Gemm.PackedSize(n, d):]
		back = c.Gemm.Pack(rest, machine.Weights(c.l.W, false).From(from, 0), d, n)
	}
	c.eachStrips(len(k.rows), 4*n*d, func(worker, i, end int) {
		logits, exps := c.scratch(worker, end-i)
		first := 0
		if c.dw.N > 0 {
			exps, first = k.exps, b*cap(k.rows)+i
		}
		c.Gemm.Rows(worker, logits, k.h.from(i), forward, end-i, false)
		for r := range end - i {
			c.exponentials(k, i+r, b, logits.Data[r*logits.Row:][:n], exps, first+r)
		}
		if c.dh.N > 0 {
			c.Gemm.Rows(worker, gemm.C{Data: k.dh[i*d:], Row: d}, exps.from(first), back, end-i, b > 0)
		}
	})
}

// eachStrips calls f for ranges of n rows, whole tiles but for the last, on all threads. work is the
// arithmetic of a row.
func (c *call) eachStrips(n, work int, f func(worker, from, to int)) {
	height, threads := c.Gemm.Kernels().Rows, c.Pool.Threads()
	strips := machine.Chunks(n, height)
	tasks := min(strips, machine.Chunks(machine.Chunks(strips, tallTask), threads)*threads)
	c.Tasks(tasks, n*work, func(worker, i int) {
		from, to := i*strips/tasks*height, (i+1)*strips/tasks*height
		f(worker, from, min(to, n))
	})
}

// scratch returns a worker's memory for the logits and the exponentials of n rows.
func (c *call) scratch(worker, n int) (logits gemm.C, exps operand) {
	row := c.block + gap/4
	s := c.Own(worker, 2*n*row)
	exps = operand{data: s[n*row:], row: 4 * row / c.element, words: c.Gemm.Words()}
	return gemm.C{Data: s[:n*row], Row: row}, exps
}

// exponentials turns row i's logits of block b into exponentials, 0 for the target, and writes them to
// row at of exps.
func (c *call) exponentials(k *chunk, i, b int, logits []float32, exps operand, at int) {
	if most := c.Ops.Max(logits); !(most <= k.shift[i]+slack) {
		c.raise(k, i, b, most)
	}
	from, _ := c.tokens(b)
	if target := int(c.targets[k.rows[i]]) - from; target >= 0 && target < len(logits) {
		k.aims[i] = logits[target]
		logits[target] = float32(math.Inf(-1))
	}
	var sum float32
	if exps.words {
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
		at := earlier*cap(k.rows) + i
		if k.exps.words {
			c.Ops.ScaleBrain(k.exps.brains(at)[:c.block], shrink)
		} else {
			c.Ops.Scale(k.exps.data[at*k.exps.row:][:c.block], shrink)
		}
	}
}

// finish computes losses, and dh as far as it is wanted.
func (c *call) finish(k *chunk) {
	weights := machine.Weights(c.l.W, false)
	c.Rows(len(k.rows), 2*c.h.D, func(worker, i, end int) {
		for ; i < end; i++ {
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
			row := c.dh.Row(t)
			copy(row, k.dh[i*c.h.D:])
			c.Ops.Scale(row, k.factor[i])
			token := weights.From(int(c.targets[t]), 0)
			c.Ops.Axpy(row, k.single[i], token.RowFloats(c.h.D, c.Own(worker, c.h.D)))
		}
	})
}

// headGradient adds the chunk's part of dw.
func (c *call) headGradient(k *chunk) {
	n, d := len(k.rows), c.h.D
	right := c.scaledRows(k)
	height := c.Gemm.Kernels().Rows
	groups := machine.Chunks(c.block, 12*height)
	c.Tasks(c.blocks()*groups, n*d*c.vocabulary, func(worker, i int) {
		b, group := i/groups, i%groups
		from, to := c.tokens(b)
		first := group * 12 * height
		if rows := min(to-from-first, 12*height); rows > 0 {
			a := k.exps.from(b*cap(k.rows)).From(0, first)
			a.Row, a.Col = 1, a.Row
			dw := c.dw.Rows(from+first, to)
			c.Gemm.Rows(worker, dw.C(), a, right, rows, true)
		}
	})
	const columns = 64
	c.Tasks(machine.Chunks(d, columns), n*d, func(_, i int) {
		from, to := i*columns, min((i+1)*columns, d)
		for r, t := range k.rows {
			c.Ops.Axpy(c.dw.Row(int(c.targets[t]))[from:to], k.single[r], c.h.Row(t)[from:to])
		}
	})
}

// scaledRows packs factor·h as right operand [rows, D].
func (c *call) scaledRows(k *chunk) gemm.Packed {
	const piece = 64
	n, d := len(k.rows), c.h.D
	p := c.Gemm.Place(k.packed, d, n)
	c.Tasks(machine.Chunks(n, piece), n*d, func(worker, i int) {
		from, to := i*piece, min((i+1)*piece, n)
		rows := c.Own(worker, piece*d)
		for r := from; r < to; r++ {
			row := rows[(r-from)*d:][:d]
			clear(row)
			c.Ops.Axpy(row, k.factor[r], c.h.Row(k.rows[r]))
		}
		c.Gemm.PackRows(worker, p, gemm.B{F32: rows, Row: d, Col: 1}, from, to)
	})
	return p
}
