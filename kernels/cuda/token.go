package cuda

import (
	"slices"

	"longlora/kernels"
	"longlora/kernels/check"
)

// Embedding implements kernels.Backend.
func (b *Backend) Embedding(y, table, ids kernels.Tensor) {
	check.Embedding(y, table, ids)
	to, from := matrixOf(y), matrixOf(table)
	check.Indices("Embedding", "id", b.recall("Embedding", ids), from.rows)
	b.launch("embedding_"+to.dtype.String()+"_"+from.dtype.String(), to.rows, 1, 1, 0, to.address,
		from.address, address(ids), to.width, to.stride, from.stride)
}

// EmbeddingGrad implements kernels.Backend. The rows of each id are listed here, in order, so that
// a block can add them one after another.
func (b *Backend) EmbeddingGrad(dTable, dy, ids kernels.Tensor) {
	check.EmbeddingGrad(dTable, dy, ids)
	to, from := matrixOf(dTable), matrixOf(dy)
	values := b.recall("EmbeddingGrad", ids)
	check.Indices("EmbeddingGrad", "id", values, to.rows)
	if len(values) == 0 {
		return
	}
	n := len(values)
	at := b.grow(occurrenceBytes(n))
	if at == 0 {
		return
	}
	// Each list has room for n, so that steps are alike whatever ids they have.
	id, start, order := occurrences(values)
	lists := make([]int32, 3*n+1)
	copy(lists, id)
	copy(lists[n:], start)
	copy(lists[2*n+1:], order)
	b.d.Upload(at, bytesOf(lists))
	starts := at + 4*uint64(n)
	b.launch("embedding_grad_"+to.dtype.String()+"_"+from.dtype.String(), n, 1, 1, 0,
		to.address, from.address, at, starts, starts+4*uint64(n+1), len(id), to.width, to.stride,
		from.stride)
}

// occurrenceBytes is the size of the lists of EmbeddingGrad for n ids.
func occurrenceBytes(n int) int64 { return 4 * (3*int64(n) + 1) }

// occurrences returns the different ids, and for each, order[start[i]:start[i+1]]: where it stands.
func occurrences(ids []int32) (id, start, order []int32) {
	keys := make([]uint64, len(ids))
	for i, x := range ids {
		keys[i] = uint64(x)<<32 | uint64(i)
	}
	slices.Sort(keys)
	order = make([]int32, len(keys))
	for i, k := range keys {
		order[i] = int32(uint32(k))
		if x := int32(k >> 32); i == 0 || x != id[len(id)-1] {
			id, start = append(id, x), append(start, int32(i))
		}
	}
	return id, append(start, int32(len(ids))), order
}

// RMSNorm implements kernels.Backend.
func (b *Backend) RMSNorm(y, rstd, x, w kernels.Tensor, eps float32) {
	check.RMSNorm(y, rstd, x, w)
	to, from := matrixOf(y), matrixOf(x)
	b.launch("rmsnorm_"+from.dtype.String()+"_"+w.DType().String(), from.rows, 1, 1, sumScratch,
		to.address, address(rstd), from.address, address(w), from.width, to.stride, from.stride, eps)
}

// RMSNormGrad implements kernels.Backend.
func (b *Backend) RMSNormGrad(dx, dw, dy, x, w, rstd kernels.Tensor) {
	check.RMSNormGrad(dx, dw, dy, x, w, rstd)
	to, up, in := matrixOf(dx), matrixOf(dy), matrixOf(x)
	if !dw.IsZero() && in.rows > 0 {
		chunks, chunk := chunked(in.rows)
		partial := b.grow(normScratch(in.rows, in.width))
		b.launch("rmsnorm_weight_"+in.dtype.String(), blocks(int64(in.width)), chunks, 1, 0, partial,
			up.address, in.address, address(rstd), in.rows, in.width, chunk, up.stride, in.stride)
		b.launch("rmsnorm_reduce", blocks(int64(in.width)), 1, 1, 0, address(dw), partial, chunks,
			in.width)
	}
	b.launch("rmsnorm_grad_"+in.dtype.String()+"_"+w.DType().String(), in.rows, 1, 1, sumScratch,
		to.address, up.address, in.address, address(w), address(rstd), in.width, to.stride,
		up.stride, in.stride)
}

// Sums over rows are made of at most maxChunks sums of at least minChunk rows each.
const (
	maxChunks = 64
	minChunk  = 128
)

func chunked(rows int) (chunks, chunk int) {
	chunk = max(minChunk, (rows+maxChunks-1)/maxChunks)
	return (rows + chunk - 1) / chunk, chunk
}

func normScratch(rows, width int) int64 {
	chunks, _ := chunked(rows)
	return 4 * int64(chunks) * int64(width)
}

// RoPE implements kernels.Backend.
func (b *Backend) RoPE(x, cos, sin, pos kernels.Tensor, inverse bool) {
	check.RoPE(x, cos, sin, pos)
	check.Indices("RoPE", "position", b.recall("RoPE", pos), cos.Dim(0))
	sign := float32(1)
	if inverse {
		sign = -1
	}
	half := x.Dim(2) / 2
	b.launch("rope_"+x.DType().String(), blocks(int64(x.Len()/2)), 1, 1, 0, address(x), address(cos),
		address(sin), address(pos), x.Dim(0), x.Dim(1), half, x.Stride(0), x.Stride(1), sign)
}

// SwiGLU implements kernels.Backend.
func (b *Backend) SwiGLU(y, gate, up kernels.Tensor) {
	check.SwiGLU(y, gate, up)
	each(func(m []matrix) {
		b.launch("swiglu_"+m[0].dtype.String(), m[0].parts(), 1, 1, 0, m[0].address, m[1].address,
			m[2].address, m[0].rows, m[0].width, m[0].stride, m[1].stride, m[2].stride)
	}, y, gate, up)
}

// SwiGLUGrad implements kernels.Backend.
func (b *Backend) SwiGLUGrad(dgate, dup, dy, gate, up kernels.Tensor) {
	check.SwiGLUGrad(dgate, dup, dy, gate, up)
	each(func(m []matrix) {
		b.launch("swiglu_grad_"+m[0].dtype.String(), m[0].parts(), 1, 1, 0, m[0].address,
			m[1].address, m[2].address, m[3].address, m[4].address, m[0].rows, m[0].width,
			m[0].stride, m[1].stride, m[2].stride, m[3].stride, m[4].stride)
	}, dgate, dup, dy, gate, up)
}
