package crossentropy

import (
	"longlora/kernels/bf16"
	"longlora/kernels/gemm"
	"longlora/kernels/machine"
)

// turned are the exponentials of all blocks as the head's gradient takes them where tiles take
// words of two brain floats: of two rows here. As many tokens as a tile has rows lie together, so
// that it reads memory in order: [blocks, groups, pairs, gemm.Lanes] words.
type turned struct {
	data   []float32
	groups int // of a block
	pairs  int // of rows
	height int // tokens of a group
}

// newTurned returns the exponentials of size rows, without memory.
func (c *call) newTurned(size int) turned {
	height := c.Gemm.Kernels().Rows
	return turned{groups: machine.Chunks(c.block, height), pairs: machine.Chunks(size, 2),
		height: height}
}

// floats returns the floats that all of it takes.
func (t *turned) floats(blocks int) int { return blocks * t.groups * t.pairs * gemm.Lanes }

// group returns the words of a group of tokens of a block, from those of row i on, which is even.
func (t *turned) group(b, g, i int) []float32 {
	return t.data[((b*t.groups+g)*t.pairs+i/2)*gemm.Lanes:]
}

// keep writes the exponentials of block b of the rows [i, end), which x holds. i is even.
func (c *passing) keep(x operand, i, end int) {
	t := &c.k.turned
	for g := range machine.Chunks(c.n, t.height) {
		from := g * t.height
		c.Gemm.JoinRows(t.group(c.b, g, i), gemm.Lanes,
			gemm.B{BF16: x.brains(0)[from:], Row: x.row, Col: 1}, end-i, min(t.height, c.n-from))
	}
}

// scale multiplies row i of all blocks before b by a.
func (t *turned) scale(i, b int, a float32) {
	for earlier := range b {
		for g := range t.groups {
			x := operand{data: t.group(earlier, g, i), row: 1}.brains(0)
			for j := i % 2; j < 2*t.height; j += 2 {
				x[j] = bf16.Round(bf16.Float(x[j]) * a)
			}
		}
	}
}

// derive adds to the gradients of tokens [first, first+n) of block b, of which first begins a group.
func (c *deriving) derive(worker, b, first, n int) {
	t, from := &c.k.turned, b*c.block+first
	for at := 0; at < n; at += t.height {
		rows := min(t.height, n-at)
		a := gemm.A{Data: t.group(b, (first+at)/t.height, 0), Words: true, Row: 1, Col: gemm.Lanes}
		c.Gemm.Rows(worker, c.dw.Rows(from+at, from+at+rows).C(), a, c.right, rows, true)
	}
}
