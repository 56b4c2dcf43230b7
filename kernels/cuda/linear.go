package cuda

import (
	"fmt"

	"longlora/kernels"
	"longlora/kernels/check"
	"longlora/kernels/cuda/driver"
	"longlora/kernels/nf4"
)

// weights returns a linear layer's matrix in the type of the activations that it meets, converted
// into working memory at to if it has another.
func (b *Backend) weights(w kernels.Weight, d kernels.DType, to uint64) matrix {
	if packed, ok := w.(*nf4.Weight); ok {
		return b.expand(packed, d, to)
	}
	dense, ok := w.(kernels.Dense)
	if !ok {
		panic(fmt.Sprintf("cuda: weights of type %T", w))
	}
	m := matrixOf(dense.Tensor)
	if m.dtype == d {
		return m
	}
	converted := matrix{to, m.rows, m.width, m.width, d}
	b.pair("copy", converted, m)
	return converted
}

// expand writes the values of weights of four bits to working memory.
func (b *Backend) expand(w *nf4.Weight, d kernels.DType, to uint64) matrix {
	if !w.Double() {
		lacking("NF4 whose scales are not quantised again")
	}
	n := w.Out() * w.In()
	b.launch("nf4_"+d.String(), blocks(int64(over(n, 8))), 1, 1, 0, to, address(w.Codes),
		address(w.Scales), address(w.Second), address(w.Values), n, over(n, nf4.Block))
	return matrix{to, w.Out(), w.In(), w.In(), d}
}

// weightScratch is the working memory of weights.
func weightScratch(w kernels.Weight, d kernels.DType) int64 {
	if dense, ok := w.(kernels.Dense); ok && dense.DType() == d {
		return 0
	}
	return aligned(int64(w.Out()) * int64(w.In()) * d.Size())
}

func aligned(n int64) int64 { return (n + 255) / 256 * 256 }

// linearScratch is the working memory of Linear and LinearGrad: converted weights, and for the
// gradient the adapter's inner one and the sums of chunks.
func linearScratch(l kernels.Linear, d kernels.DType, rows int, grad bool) int64 {
	n := weightScratch(l.W, d)
	if !grad || l.A.IsZero() {
		return n
	}
	rank := l.A.Dim(0)
	chunks, _ := chunked(rows)
	wide := int64(max(l.W.In(), l.W.Out()))
	return n + aligned(4*int64(rows)*int64(rank)) + 4*int64(chunks)*int64(rank)*wide
}

// Linear implements kernels.Backend.
func (b *Backend) Linear(y, x kernels.Tensor, l kernels.Linear, u kernels.Tensor, accumulate bool) {
	check.Linear(y, x, l, u)
	refuseDoRA(l)
	out, in := matrixOf(y), matrixOf(x)
	if in.rows == 0 {
		return
	}
	if pad := appended(l, in); pad > 0 {
		w := matrixOf(l.W.(kernels.Dense).Tensor)
		b.place(w.behind(), turned(l.B), pad, 1, w.stride, l.Scale)
		b.down(address(u), in, thin(l.A), 1, dropout(l), in.behind())
		b.multiply(driver.Product{A: in.wider(pad), B: w.wider(pad), TurnB: true, C: out.operand(),
			Alpha: 1, Beta: beta(accumulate)})
		return
	}
	scratch := b.grow(linearScratch(l, in.dtype, in.rows, false))
	b.multiply(driver.Product{A: in.operand(), B: b.weights(l.W, in.dtype, scratch).operand(),
		TurnB: true, C: out.operand(), Alpha: 1, Beta: beta(accumulate)})
	if l.A.IsZero() {
		return
	}
	b.down(address(u), in, thin(l.A), 1, dropout(l), 0)
	b.up(out, address(u), turned(l.B), l.Scale, drop{})
}

// appended is the number of columns by which the large product of a layer with an adapter is made longer
// so that it adds the adapter's part: the rank, to a multiple of eight; 0 where there is no room for it.
func appended(l kernels.Linear, x matrix) int {
	w, dense := l.W.(kernels.Dense)
	if l.A.IsZero() || !dense || w.DType() != kernels.BF16 || x.dtype != kernels.BF16 {
		return 0
	}
	if pad := over(l.A.Dim(0), adapterRanks) * adapterRanks; pad <= l.Spare {
		return pad
	}
	return 0
}

// behind is the address behind the first row, below that below the last.
func (m matrix) behind() uint64 { return m.address + uint64(int64(m.width)*m.dtype.Size()) }
func (m matrix) below() uint64 {
	return m.address + uint64(int64(m.rows)*int64(m.stride)*m.dtype.Size())
}

// wider and taller are m as an operand with what lies behind its rows, or below them.
func (m matrix) wider(by int) driver.Matrix {
	m.width += by
	return m.operand()
}
func (m matrix) taller(by int) driver.Matrix {
	m.rows += by
	return m.operand()
}

// place writes s times a narrow matrix where a large product reads it, in brain floats.
func (b *Backend) place(to uint64, m narrow, pad, byRank, step int, s float32) {
	b.launch("adapter_place", blocks(int64(pad)*int64(m.width)), 1, 1, 0, to, m.address, m.width, m.rank,
		pad, m.byRank, m.step, byRank, step, s)
}

func beta(accumulate bool) float32 {
	if accumulate {
		return 1
	}
	return 0
}

// LinearGrad implements kernels.Backend.
func (b *Backend) LinearGrad(dx kernels.Tensor, g kernels.LinearGrad, dy, x kernels.Tensor,
	l kernels.Linear, u kernels.Tensor) {
	check.LinearGrad(dx, g, dy, x, l, u)
	refuseDoRA(l)
	up, in := matrixOf(dy), matrixOf(x)
	if in.rows == 0 {
		return
	}
	scratch := b.grow(linearScratch(l, up.dtype, in.rows, true))
	pad := 0
	if !dx.IsZero() && l.Dropout == 0 { // whose mask is on the adapter's part of dx alone
		pad = appended(l, up)
	}
	if !dx.IsZero() && pad == 0 {
		w := b.weights(l.W, up.dtype, scratch)
		b.multiply(driver.Product{A: up.operand(), B: w.operand(), C: matrixOf(dx).operand(),
			Alpha: 1, Beta: 1})
	}
	if !g.DW.IsZero() {
		b.multiply(driver.Product{A: up.operand(), TurnA: true, B: in.operand(),
			C: matrixOf(g.DW).operand(), Alpha: 1, Beta: 1})
	}
	if !l.A.IsZero() {
		b.adapterGrad(dx, g, up, in, l, u, scratch+uint64(weightScratch(l.W, up.dtype)), pad)
	}
}

// adapterGrad adds the adapter's part of the gradients, and dy W too if its product is longer by pad.
// With v = s·dy B: dA += vᵀ x', dB += s·dyᵀ u, dx += the mask of v A.
func (b *Backend) adapterGrad(dx kernels.Tensor, g kernels.LinearGrad, dy, x matrix,
	l kernels.Linear, u kernels.Tensor, v uint64, pad int) {
	rank := l.A.Dim(0)
	partial := v + uint64(aligned(4*int64(dy.rows)*int64(rank)))
	if !g.DB.IsZero() {
		b.outer(turned(g.DB), address(u), dy, l.Scale, partial, drop{})
	}
	if dx.IsZero() && g.DA.IsZero() {
		return
	}
	if pad > 0 {
		w := matrixOf(l.W.(kernels.Dense).Tensor)
		b.place(w.below(), thin(l.A), pad, w.stride, 1, 1)
		b.down(v, dy, turned(l.B), l.Scale, drop{}, dy.behind())
		b.multiply(driver.Product{A: dy.wider(pad), B: w.taller(pad), C: matrixOf(dx).operand(),
			Alpha: 1, Beta: 1})
	} else {
		b.down(v, dy, turned(l.B), l.Scale, drop{}, 0)
	}
	if !g.DA.IsZero() {
		b.outer(thin(g.DA), v, x, 1, partial, dropout(l))
	}
	if !dx.IsZero() && pad == 0 {
		b.up(matrixOf(dx), v, thin(l.A), 1, dropout(l))
	}
}

// narrow is an adapter's matrix [rank, width] by the strides of both axes.
type narrow struct {
	address      uint64
	rank, width  int
	byRank, step int
}

// thin is a matrix [rank, width], turned one [width, rank].
func thin(t kernels.Tensor) narrow {
	return narrow{address(t), t.Dim(0), t.Dim(1), t.Stride(0), t.Stride(1)}
}

func turned(t kernels.Tensor) narrow {
	return narrow{address(t), t.Dim(1), t.Dim(0), t.Stride(1), t.Stride(0)}
}

// drop is the dropout of an adapter's input; the zero drop keeps all.
type drop struct {
	seed        uint64
	probability float32
}

func dropout(l kernels.Linear) drop { return drop{l.Seed, l.Dropout} }

// factor is what a kept element is multiplied by.
func (d drop) factor() float32 { return 1 / (1 - d.probability) }

// Ranks and rows that the kernels of adapters do at a time.
const (
	adapterRanks = 8
	adapterRows  = 8
)

func over(n, part int) int { return (n + part - 1) / part }

// down computes u [rows, rank] = s·x' mᵀ, and writes it behind the rows of x as well, if behind is not 0.
func (b *Backend) down(u uint64, x matrix, m narrow, s float32, d drop, behind uint64) {
	const shared = threads / 32 * adapterRanks * adapterRows * 4
	b.launch("adapter_down_"+x.dtype.String(), over(x.rows, adapterRows), over(m.rank, adapterRanks),
		1, shared, u, x.address, m.address, x.rows, x.width, m.rank, x.stride, m.byRank, m.step, s,
		d.seed, d.probability, d.factor(), behind)
}

// maxGrid is the most blocks along the second and third axis of a grid.
const maxGrid = 65535

// up computes y += the mask of s·u m.
func (b *Backend) up(y matrix, u uint64, m narrow, s float32, d drop) {
	const most = maxGrid * adapterRows
	for from := 0; from < y.rows; from += most {
		part := y.part(from, min(from+most, y.rows))
		b.launch("adapter_up_"+y.dtype.String(), blocks(int64(y.width)), over(part.rows, adapterRows),
			1, 0, part.address, u+uint64(4*from*m.rank), m.address, part.rows, y.width, m.rank,
			y.stride, m.byRank, m.step, s, d.seed, d.probability, d.factor(), from)
	}
}

// outer adds s·uᵀ x' to d.
func (b *Backend) outer(d narrow, u uint64, x matrix, s float32, partial uint64, mask drop) {
	chunks, chunk := chunked(x.rows)
	b.launch("adapter_outer_"+x.dtype.String(), blocks(int64(x.width)), chunks,
		over(d.rank, adapterRanks), 0, partial, u, x.address, x.rows, x.width, d.rank, chunk,
		x.stride, mask.seed, mask.probability, mask.factor())
	b.launch("adapter_reduce", blocks(int64(d.rank)*int64(x.width)), 1, 1, 0, d.address, partial,
		chunks, x.width, d.rank, d.byRank, d.step, s)
}
