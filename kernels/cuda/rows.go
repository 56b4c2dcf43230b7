package cuda

import (
	"fmt"

	"longlora/kernels"
	"longlora/kernels/cuda/driver"
)

// matrix is rows of contiguous elements in the device's memory.
type matrix struct {
	address             uint64
	rows, width, stride int
	dtype               kernels.DType
}

// matrixOf returns the rows of t, which has rank 1 (one row) or 2.
func matrixOf(t kernels.Tensor) matrix {
	m := matrix{address(t), 1, 0, 0, t.DType()}
	switch t.Rank() {
	case 1:
		m.width, m.stride = t.Dim(0), t.Dim(0)
	case 2:
		m.rows, m.width, m.stride = t.Dim(0), t.Dim(1), t.Stride(0)
	default:
		panic(fmt.Sprintf("cuda: %v is no matrix", t))
	}
	if last := t.Rank() - 1; t.Stride(last) != 1 && t.Dim(last) > 1 {
		panic(fmt.Sprintf("cuda: %v has gaps along its last axis", t))
	}
	return m
}

// operand returns m as an operand of a product.
func (m matrix) operand() driver.Matrix {
	return driver.Matrix{Address: m.address, Rows: m.rows, Columns: m.width,
		Stride: max(m.stride, m.width), BF16: m.dtype == kernels.BF16}
}

// part returns rows [from, to).
func (m matrix) part(from, to int) matrix {
	m.address += uint64(int64(from) * int64(m.stride) * m.dtype.Size())
	m.rows = to - from
	return m
}

// axis is an extent with a stride for each of some tensors.
type axis struct {
	extent  int
	strides []int
}

// axes returns the common axes of tensors of one shape. Neighbours that lie without gaps in all of
// them are one.
func axes(ts []kernels.Tensor) (all []axis) {
	for i, n := range ts[0].Shape() {
		next := axis{n, make([]int, len(ts))}
		for k, t := range ts {
			next.strides[k] = t.Stride(i)
		}
		if n == 1 && i < ts[0].Rank()-1 {
			continue
		}
		if last := len(all) - 1; last >= 0 && all[last].continues(next) {
			next.extent *= all[last].extent
			all[last] = next
			continue
		}
		all = append(all, next)
	}
	return all
}

// continues reports whether a's steps are as long as all of next.
func (a axis) continues(next axis) bool {
	for k, s := range a.strides {
		if s != next.extent*next.strides[k] {
			return false
		}
	}
	return true
}

// each calls f with matrices that together are the tensors, which have one shape.
func each(f func(ms []matrix), ts ...kernels.Tensor) {
	if ts[0].Len() == 0 {
		return
	}
	all := axes(ts)
	ms := make([]matrix, len(ts))
	for k, t := range ts {
		last := all[len(all)-1]
		if last.strides[k] != 1 && last.extent > 1 {
			panic(fmt.Sprintf("cuda: %v has gaps along its last axis", t))
		}
		ms[k] = matrix{address(t), 1, last.extent, last.extent, t.DType()}
		if len(all) > 1 {
			rows := all[len(all)-2]
			ms[k].rows, ms[k].stride = rows.extent, rows.strides[k]
		}
	}
	eachOuter(f, ms, all[:max(len(all)-2, 0)])
}

// eachOuter goes through the axes outside of the matrices.
func eachOuter(f func([]matrix), ms []matrix, outer []axis) {
	if len(outer) == 0 {
		f(ms)
		return
	}
	for i := range outer[0].extent {
		moved := make([]matrix, len(ms))
		for k, m := range ms {
			m.address += uint64(int64(i) * int64(outer[0].strides[k]) * m.dtype.Size())
			moved[k] = m
		}
		eachOuter(f, moved, outer[1:])
	}
}

const threads = 256

// blocks returns how many blocks of threads do n things.
func blocks(n int64) int { return int((n + threads - 1) / threads) }

// launch starts a kernel of blocks of threads threads.
func (b *Backend) launch(kernel string, x, y, z, shared int, args ...any) {
	if x == 0 || y == 0 || z == 0 || b.failed != nil {
		return
	}
	b.d.Launch(driver.Launch{Kernel: kernel, Grid: [3]int{x, y, z}, Threads: threads, Shared: shared,
		Args: args})
}

// launchThreads starts a kernel of one block.
func (b *Backend) launchThreads(kernel string, n int, args ...any) {
	if b.failed == nil {
		b.d.Launch(driver.Launch{Kernel: kernel, Grid: [3]int{1, 1, 1}, Threads: n, Args: args})
	}
}

// multiply starts a product, unless an operator before it had no memory.
func (b *Backend) multiply(p driver.Product) {
	if b.failed == nil {
		b.d.Multiply(p)
	}
}

// parts is the number of blocks for matrices whose threads do eight columns each.
func (m matrix) parts() int { return blocks(int64(m.rows) * int64((m.width+7)/8)) }

// sumScratch is the shared memory of a block's sums, in bytes.
const sumScratch = threads / 32 * 8
