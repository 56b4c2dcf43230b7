package cuda

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"longlora/kernels"
	"longlora/kernels/check"
	"longlora/kernels/cuda/driver"
)

// attentionSize is a size of heads that the kernels are made for. Smaller heads are done by the
// next.
type attentionSize struct{ dim int }

var attentionDims = [...]int{32, 64, 128}

// Tiles of the kernels of attention; attention.cu has the same.
const (
	forwardQueries       = 128
	forwardKeys          = 64
	queryGradientQueries = 64
	queryGradientKeys    = 32
	keyGradientKeys      = 64
	keyGradientQueries   = 32
	gradientThreads      = 128
)

// MaxHeadDim is the largest size of a head.
const MaxHeadDim = 128

// sizeFor returns the least size of the kernels that holds heads of dim.
func sizeFor(dim int) attentionSize {
	for _, d := range attentionDims {
		if dim <= d {
			return attentionSize{d}
		}
	}
	panic(fmt.Sprintf("cuda: heads of %d, at most %d", dim, MaxHeadDim))
}

// row is the bytes of a tile's row in shared memory.
func (s attentionSize) row() int { return 2 * (s.dim + 8) }

func (s attentionSize) kernel(name string) string {
	return fmt.Sprintf("attention_%s_%d", name, s.dim)
}

// attentionCall is attention.cu's Call.
type attentionCall struct {
	q, k, v, o, dq, dk, dv, do kernels.Tensor
	lse, delta                 uint64
	tables                     *tables
	queries, keys              int
	heads, shared, dim, offset int
	scale                      float32
}

// encode lays the call out as the struct of the kernels.
func (c *attentionCall) encode() []byte {
	var out []byte
	word := func(v uint64) { out = binary.LittleEndian.AppendUint64(out, v) }
	aligned := c.dim%8 == 0
	for _, t := range []kernels.Tensor{c.q, c.k, c.v, c.o, c.dq, c.dk, c.dv, c.do} {
		word(address(t))
		word(uint64(t.Stride(0)))
		word(uint64(t.Stride(1)))
		aligned = aligned && address(t)%16 == 0 && t.Stride(0)%8 == 0 && t.Stride(1)%8 == 0
	}
	word(c.lse)
	word(c.delta)
	word(c.tables.first)
	word(c.tables.last)
	word(c.tables.group)
	for _, n := range []int{c.queries, c.keys, c.heads, c.shared, c.dim, c.offset} {
		word(uint64(n))
	}
	if aligned {
		word(1)
	} else {
		word(0)
	}
	word(uint64(math.Float32bits(c.scale)))
	return out
}

// newAttention fills in what forward and backward have in common.
func (b *Backend) newAttention(q, k, v, o, lse kernels.Tensor, s kernels.Segments,
	scale float32) *attentionCall {
	return &attentionCall{q: q, k: k, v: v, o: o, lse: address(lse), queries: q.Dim(0),
		keys: k.Dim(0), heads: q.Dim(1), shared: q.Dim(1) / k.Dim(1), dim: q.Dim(2),
		offset: s.Offset, scale: scale, tables: b.tablesOf(s, k.Dim(0), q.Dim(1))}
}

// Attention implements kernels.Backend.
func (b *Backend) Attention(o, lse, q, k, v kernels.Tensor, s kernels.Segments, scale float32) {
	check.Attention(o, lse, q, k, v, s)
	refuseCap(s.Cap)
	if q.Len() == 0 {
		return
	}
	brain := b.brains([]kernels.Tensor{q, k, v}, []kernels.Tensor{o}, 0)
	if brain == nil {
		return
	}
	c := b.newAttention(brain.in[0], brain.in[1], brain.in[2], brain.out[0], lse, s, scale)
	size := sizeFor(c.dim)
	shared := 4*forwardKeys*size.row() + 4*(forwardKeys+4)
	b.launch(size.kernel("forward"), over(c.queries, forwardQueries), c.heads, 1, shared, c.encode())
	brain.finish(b)
}

// AttentionGrad implements kernels.Backend.
func (b *Backend) AttentionGrad(dq, dk, dv, do, o, lse, q, k, v kernels.Tensor, s kernels.Segments,
	scale float32) {
	check.AttentionGrad(dq, dk, dv, do, o, lse, q, k, v, s)
	refuseCap(s.Cap)
	if q.Len() == 0 {
		return
	}
	deltas := aligned(4 * int64(lse.Len()))
	brain := b.brains([]kernels.Tensor{q, k, v, o, do}, []kernels.Tensor{dq, dk, dv}, deltas)
	if brain == nil {
		return
	}
	c := b.newAttention(brain.in[0], brain.in[1], brain.in[2], brain.in[3], lse, s, scale)
	c.do, c.dq, c.dk, c.dv = brain.in[4], brain.out[0], brain.out[1], brain.out[2]
	c.delta = brain.extra
	b.attentionGrad(c)
	brain.finish(b)
}

func (b *Backend) attentionGrad(c *attentionCall) {
	call, size := c.encode(), sizeFor(c.dim)
	keyHeads := c.heads / c.shared
	start := func(kernel string, x, y, shared int) {
		if b.failed == nil {
			b.d.Launch(driver.Launch{Kernel: kernel, Grid: [3]int{x, y, 1}, Threads: gradientThreads,
				Shared: shared, Args: []any{call}})
		}
	}
	start("attention_delta", over(c.queries*c.heads, gradientThreads/32), 1, 0)
	start(size.kernel("query_gradient"), over(c.queries, queryGradientQueries), c.heads,
		(2*queryGradientQueries+4*queryGradientKeys)*size.row())
	start(size.kernel("key_gradient"), over(c.keys, keyGradientKeys), keyHeads,
		(2*keyGradientKeys+4*keyGradientQueries)*size.row()+2*keyGradientQueries*12)
}

// brains are the operands of attention as brain floats: themselves, or copies in working memory.
type brains struct {
	in, out []kernels.Tensor
	wanted  []kernels.Tensor // of float32, to which out is copied back
	copied  []kernels.Tensor
	extra   uint64
}

// brains makes the operands brain floats, with extra bytes of working memory beside. It returns nil
// if there is no memory.
func (b *Backend) brains(in, out []kernels.Tensor, extra int64) *brains {
	n := extra
	for _, t := range slices.Concat(in, out) {
		if t.DType() != kernels.BF16 {
			n += aligned(2 * int64(t.Len()))
		}
	}
	at := b.grow(n)
	if n > 0 && at == 0 {
		return nil
	}
	r := &brains{extra: at}
	m := &block{address: at, bytes: n}
	used := extra
	take := func(t kernels.Tensor) kernels.Tensor {
		c := kernels.NewTensor(m, int(used/2), kernels.BF16, t.Shape()...)
		used += aligned(2 * int64(t.Len()))
		return c
	}
	for _, t := range in {
		if t.DType() != kernels.BF16 {
			c := take(t)
			b.Copy(c, t)
			t = c
		}
		r.in = append(r.in, t)
	}
	for _, t := range out {
		if t.DType() != kernels.BF16 {
			c := take(t)
			r.wanted, r.copied = append(r.wanted, t), append(r.copied, c)
			t = c
		}
		r.out = append(r.out, t)
	}
	return r
}

// finish copies results back.
func (r *brains) finish(b *Backend) {
	for i, t := range r.wanted {
		b.Copy(t, r.copied[i])
	}
}

// tables are the segments of a call as the kernels read them, in memory of the device.
type tables struct {
	block
	of                 kernels.Segments
	keys, heads        int
	first, last, group uint64
}

// maxTables is the number of segments whose tables are kept: a micro-batch has one pattern or a few,
// and the validation another.
const maxTables = 4

// tableBytes is the size of the tables of segments.
func tableBytes(keys, groups, heads int) int64 { return 4 * int64(2*keys*groups+heads) }

// tablesOf returns the tables of s, those of an earlier call if it had the same segments. Otherwise
// they take the memory of those that were used first.
func (b *Backend) tablesOf(s kernels.Segments, keys, heads int) *tables {
	for i := range b.tables {
		if t := &b.tables[i]; t.keys == keys && t.heads == heads && equal(t.of, s) {
			return t
		}
	}
	need := tableBytes(keys, len(s.Groups), heads)
	var room block
	if len(b.tables) == maxTables {
		room = b.tables[0].block
		b.tables = slices.Delete(b.tables, 0, 1)
		if room.bytes < need {
			b.fail(b.drop(&room))
		}
	}
	if room.address == 0 {
		var err error
		if room, err = b.reserve(need); err != nil {
			b.fail(err)
			return &tables{}
		}
	}
	b.d.Upload(room.address, bytesOf(tableValues(s, keys, heads)))
	part := uint64(4 * keys * len(s.Groups))
	b.tables = append(b.tables, tables{block: room, of: clone(s), keys: keys, heads: heads,
		first: room.address, last: room.address + part, group: room.address + 2*part})
	return &b.tables[len(b.tables)-1]
}

// reserveTables makes room for maxTables tables of so many bytes.
func (b *Backend) reserveTables(bytes int64) error {
	for bytes > 0 && len(b.tables) < maxTables {
		room, err := b.reserve(bytes)
		if err != nil {
			return err
		}
		b.tables = append(b.tables, tables{block: room})
	}
	return nil
}

// fail keeps an error of a reservation within an operator for Sync.
func (b *Backend) fail(err error) {
	if b.failed == nil {
		b.failed = err
	}
}

// tableValues returns, for each group of heads, the first key that a query at each position sees;
// for each group, the end of each key's segment; and the group of each head.
func tableValues(s kernels.Segments, keys, heads int) []int32 {
	n := keys * len(s.Groups)
	v := make([]int32, 2*n+heads)
	for g, group := range s.Groups {
		first, last := v[g*keys:(g+1)*keys], v[n+g*keys:n+(g+1)*keys]
		for i := range len(group.Bounds) - 1 {
			from, to := int(group.Bounds[i]), int(group.Bounds[i+1])
			for p := from; p < to; p++ {
				first[p], last[p] = int32(s.First(from, p)), int32(s.Last(to, p))
			}
		}
		for h := group.From; h < group.To; h++ {
			v[2*n+h] = int32(g)
		}
	}
	return v
}

func equal(a, b kernels.Segments) bool {
	return a.Window == b.Window && slices.EqualFunc(a.Groups, b.Groups, func(x, y kernels.HeadGroup) bool {
		return x.From == y.From && x.To == y.To && slices.Equal(x.Bounds, y.Bounds)
	})
}

func clone(s kernels.Segments) kernels.Segments {
	c := kernels.Segments{Offset: s.Offset, Window: s.Window}
	for _, g := range s.Groups {
		g.Bounds = slices.Clone(g.Bounds)
		c.Groups = append(c.Groups, g)
	}
	return c
}
