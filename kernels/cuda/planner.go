package cuda

import (
	"longlora/kernels"
	"longlora/kernels/nf4"
	"longlora/kernels/plan"
)

// Rates are a device's, in operations and bytes a second.
type Rates struct {
	// Products is that of large products of brain floats; Attention and AttentionGrad count four and
	// ten operations for a pair of query and key and an element of a head; Memory is that of its memory,
	// Host that of copies from the host or to it.
	Products, Attention, AttentionGrad, Memory, Host float64
}

// Assumed are rates of one H200 that kernels of this kind should reach. They were not measured: what is
// computed with them is a guess.
func Assumed() Rates {
	return Rates{Products: 600e12, Attention: 250e12, AttentionGrad: 170e12, Memory: 3.5e12,
		Host: 45e9}
}

// Planner counts as plan.Backend does, and beside it the working memory of this backend's operators,
// and the time that they would take at some rates: each the longer of its arithmetic and its memory
// traffic, one after another; copies aside take none unless all of them take longer than the rest.
type Planner struct {
	*plan.Backend
	rates   Rates
	work    Working
	listing Working // of the list that is being made
	tables  []kernels.Segments
	host    *plan.Backend
	seconds float64
	aside   int64 // bytes
}

var (
	_ kernels.Later = (*Planner)(nil)
	_ kernels.Aside = (*Planner)(nil)
)

// NewPlanner returns a Planner that has counted nothing.
func NewPlanner(r Rates) *Planner {
	return &Planner{Backend: plan.New(), rates: r, host: plan.New()}
}

// Working is the working memory of operators and steps, in bytes.
type Working struct {
	// Scratch is that of operators, Table that of the tables of one call's segments.
	Scratch, Table int64
	// Uploads and Results are what a step brings to the device and reads from it.
	Uploads, Results int64
}

// Device returns what that is of the device's memory, with cublasLt's.
func (w Working) Device() int64 {
	return w.Scratch + maxTables*w.Table + 2*w.Uploads + w.Results + gateBytes + Workspace
}

// Host returns what it is of the host's.
func (w Working) Host() int64 { return 2*w.Uploads + 3*w.Results }

// Most returns the greater of each.
func (w Working) Most(v Working) Working {
	return Working{max(w.Scratch, v.Scratch), max(w.Table, v.Table), max(w.Uploads, v.Uploads),
		max(w.Results, v.Results)}
}

// Working returns the greatest that was needed.
func (p *Planner) Working() Working { return p.work }

// Seconds returns the time of all operators.
func (p *Planner) Seconds() float64 {
	if p.aside == 0 {
		return p.seconds
	}
	return max(p.seconds, float64(p.aside)/p.rates.Host)
}

// Group counts what a list uploads and reads.
func (p *Planner) Group(f func() error) error {
	p.listing, p.tables = Working{}, nil
	err := f()
	p.work = p.work.Most(p.listing)
	return err
}

func (p *Planner) upload(bytes int64) { p.listing.Uploads += aligned(bytes) }

// WriteInts counts.
func (p *Planner) WriteInts(dst kernels.Tensor, src []int32) {
	p.upload(4 * int64(len(src)))
	p.Backend.WriteInts(dst, src)
}

// Write counts.
func (p *Planner) Write(dst kernels.Tensor, src []float32) {
	p.upload(int64(len(src)) * dst.DType().Size())
	p.Backend.Write(dst, src)
}

// zeros are read of a Planner.
type zeros struct{}

// Wait clears dst.
func (zeros) Wait(dst []float32) error {
	clear(dst)
	return nil
}

// ReadLater counts.
func (p *Planner) ReadLater(src kernels.Tensor) kernels.Reading {
	p.listing.Results += aligned(sizeOf(src))
	return zeros{}
}

// Watch counts.
func (p *Planner) Watch(t kernels.Tensor) { p.count(0, 0, sizeOf(t), func() {}) }

// Clip counts.
func (p *Planner) Clip(_ float64, ts ...kernels.Tensor) kernels.Reading {
	p.SumSquares(ts...)
	p.listing.Results += aligned(4)
	return zeros{}
}

// OpenGate does nothing.
func (p *Planner) OpenGate() {}

// hostMemory marks tensors of the host.
type hostMemory struct{}

type hostArena struct{ kernels.Arena }

// Alloc cuts a tensor of the host.
func (a hostArena) Alloc(d kernels.DType, shape ...int) kernels.Tensor {
	a.Arena.Alloc(d, shape...)
	return kernels.NewTensor(hostMemory{}, 0, d, shape...)
}

// NewHostArena accepts any size.
func (p *Planner) NewHostArena(size int64) (kernels.Arena, error) {
	a, err := p.host.NewArena(size)
	return hostArena{a}, err
}

// CopyAside counts.
func (p *Planner) CopyAside(dst, src kernels.Tensor) kernels.Copying {
	p.Backend.Copy(dst, src)
	p.aside += sizeOf(src)
	return 1
}

// Await does nothing.
func (p *Planner) Await(kernels.Copying) {}

// count runs an operator of the plan, and adds its time and working memory.
func (p *Planner) count(rate float64, scratch, bytes int64, run func()) {
	before := p.FLOPs()
	run()
	arithmetic := 0.0
	if rate > 0 {
		arithmetic = (p.FLOPs() - before) / rate
	}
	p.seconds += max(arithmetic, float64(bytes)/p.rates.Memory)
	p.work.Scratch = max(p.work.Scratch, scratch)
}

func sizeOf(ts ...kernels.Tensor) (n int64) {
	for _, t := range ts {
		if !t.IsZero() {
			n += int64(t.Len()) * t.DType().Size()
		}
	}
	return n
}

// weightBytes is the traffic of a layer's weights, with their conversion to d.
func weightBytes(w kernels.Weight, d kernels.DType) int64 {
	n := int64(w.Out()) * int64(w.In())
	if _, ok := w.(*nf4.Weight); ok {
		return n/2 + 2*n*d.Size()
	}
	if dense, ok := w.(kernels.Dense); ok && dense.DType() != d {
		return n * (dense.DType().Size() + 2*d.Size())
	}
	return n * d.Size()
}

// Zero counts.
func (p *Planner) Zero(t kernels.Tensor) {
	p.count(0, 0, sizeOf(t), func() { p.Backend.Zero(t) })
}

// Copy counts.
func (p *Planner) Copy(dst, src kernels.Tensor) {
	p.count(0, 0, sizeOf(dst, src), func() { p.Backend.Copy(dst, src) })
}

// Add counts.
func (p *Planner) Add(dst, src kernels.Tensor) {
	p.count(0, 0, sizeOf(dst, dst, src), func() { p.Backend.Add(dst, src) })
}

// Scale counts.
func (p *Planner) Scale(t kernels.Tensor, s float32) {
	p.count(0, 0, sizeOf(t, t), func() { p.Backend.Scale(t, s) })
}

// Embedding counts.
func (p *Planner) Embedding(y, table, ids kernels.Tensor) {
	p.count(0, 0, sizeOf(y, y), func() { p.Backend.Embedding(y, table, ids) })
}

// EmbeddingGrad counts. Every token may be another.
func (p *Planner) EmbeddingGrad(dTable, dy, ids kernels.Tensor) {
	scratch := occurrenceBytes(ids.Len())
	p.upload(scratch)
	p.count(0, scratch, sizeOf(dy)*3, func() { p.Backend.EmbeddingGrad(dTable, dy, ids) })
}

// RMSNorm counts.
func (p *Planner) RMSNorm(y, rstd, x, w kernels.Tensor, eps float32) {
	p.count(0, 0, sizeOf(y, x), func() { p.Backend.RMSNorm(y, rstd, x, w, eps) })
}

// RMSNormGrad counts.
func (p *Planner) RMSNormGrad(dx, dw, dy, x, w, rstd kernels.Tensor) {
	bytes, scratch := sizeOf(dx, dx, dy, x), int64(0)
	if !dw.IsZero() {
		scratch = normScratch(x.Dim(0), x.Dim(1))
		bytes += sizeOf(dy, x)
	}
	p.count(0, scratch, bytes, func() { p.Backend.RMSNormGrad(dx, dw, dy, x, w, rstd) })
}

// RoPE counts.
func (p *Planner) RoPE(x, cos, sin, pos kernels.Tensor, inverse bool) {
	p.count(0, 0, sizeOf(x, x), func() { p.Backend.RoPE(x, cos, sin, pos, inverse) })
}

// Linear counts. The adapter's products read and write what the large one does once more.
func (p *Planner) Linear(y, x kernels.Tensor, l kernels.Linear, u kernels.Tensor,
	accumulate bool) {
	bytes := sizeOf(y, x) + weightBytes(l.W, x.DType())
	if accumulate {
		bytes += sizeOf(y)
	}
	p.count(p.rates.Products, linearScratch(l, x.DType(), x.Dim(0), false), bytes,
		func() { p.Backend.Linear(y, x, l, u, accumulate) })
	if !l.A.IsZero() {
		bytes := sizeOf(x)
		if p.appended(l, x) == 0 {
			bytes += sizeOf(y, y)
		}
		p.seconds += float64(bytes) / p.rates.Memory
	}
}

// appended is that of the backend.
func (p *Planner) appended(l kernels.Linear, x kernels.Tensor) int {
	return appended(l, matrix{dtype: x.DType()})
}

// LinearGrad counts.
func (p *Planner) LinearGrad(dx kernels.Tensor, g kernels.LinearGrad, dy, x kernels.Tensor,
	l kernels.Linear, u kernels.Tensor) {
	bytes := sizeOf(dx, dx, dy) + weightBytes(l.W, dy.DType())
	if !g.DW.IsZero() {
		bytes += sizeOf(g.DW, g.DW, dy, x)
	}
	p.count(p.rates.Products, linearScratch(l, dy.DType(), dy.Dim(0), true), bytes,
		func() { p.Backend.LinearGrad(dx, g, dy, x, l, u) })
	if !l.A.IsZero() {
		bytes := sizeOf(dy, dy, x)
		if l.Dropout > 0 || p.appended(l, dy) == 0 {
			bytes += sizeOf(dx, dx)
		}
		p.seconds += float64(bytes) / p.rates.Memory
	}
}

// Attention counts.
func (p *Planner) Attention(o, lse, q, k, v kernels.Tensor, s kernels.Segments, scale float32) {
	p.attend(s, k.Dim(0), q.Dim(1))
	p.count(p.rates.Attention, 0, sizeOf(o, q, k, v), func() {
		p.Backend.Attention(o, lse, q, k, v, s, scale)
	})
}

// AttentionGrad counts.
func (p *Planner) AttentionGrad(dq, dk, dv, do, o, lse, q, k, v kernels.Tensor,
	s kernels.Segments, scale float32) {
	p.attend(s, k.Dim(0), q.Dim(1))
	p.count(p.rates.AttentionGrad, aligned(4*int64(lse.Len())),
		sizeOf(dq, dk, dv, do, o, q, k, v), func() {
			p.Backend.AttentionGrad(dq, dk, dv, do, o, lse, q, k, v, s, scale)
		})
}

// attend counts the tables of a call's segments, which are uploaded when they are new.
func (p *Planner) attend(s kernels.Segments, keys, heads int) {
	bytes := tableBytes(keys, len(s.Groups), heads)
	p.work.Table = max(p.work.Table, bytes)
	for _, t := range p.tables {
		if equal(t, s) {
			return
		}
	}
	if len(p.tables) == maxTables {
		p.tables = p.tables[1:]
	}
	p.tables = append(p.tables, s)
	p.upload(bytes)
}

// SwiGLU counts.
func (p *Planner) SwiGLU(y, gate, up kernels.Tensor) {
	p.count(0, 0, sizeOf(y, gate, up), func() { p.Backend.SwiGLU(y, gate, up) })
}

// SwiGLUGrad counts.
func (p *Planner) SwiGLUGrad(dgate, dup, dy, gate, up kernels.Tensor) {
	p.count(0, 0, sizeOf(dgate, dup, dy, gate, up), func() {
		p.Backend.SwiGLUGrad(dgate, dup, dy, gate, up)
	})
}

// CrossEntropy counts. The logits go through memory: written, read three times, their gradients
// written and read once or twice.
func (p *Planner) CrossEntropy(losses, dh, dw, h kernels.Tensor, l kernels.Linear,
	targets, weights kernels.Tensor, scale float32) {
	_, scratch := lossScratch(l.W, h.DType(), h.Dim(0), !dh.IsZero())
	logits := int64(h.Dim(0)) * int64(l.W.Out())
	p.count(p.rates.Products, scratch, sizeOf(h)+weightBytes(l.W, h.DType()), func() {
		p.Backend.CrossEntropy(losses, dh, dw, h, l, targets, weights, scale)
	})
	p.seconds += float64(logits*(4*4+3*h.DType().Size())) / p.rates.Memory
}

// SumSquares counts, and returns 0.
func (p *Planner) SumSquares(ts ...kernels.Tensor) (sum float64) {
	n := int64(1)
	for _, t := range ts {
		n += int64(over(t.Len(), squareChunk))
	}
	p.count(0, 8*n, sizeOf(ts...), func() { sum = p.Backend.SumSquares(ts...) })
	return sum
}

// AdamW counts. Moments of the host's memory come from there and go back.
func (p *Planner) AdamW(q, g, m, v kernels.Tensor, s kernels.AdamWStep) {
	p.count(0, 0, sizeOf(q, q, g, m, m, v, v), func() { p.Backend.AdamW(q, g, m, v, s) })
	if _, ok := m.Memory().(hostMemory); ok {
		p.seconds += float64(sizeOf(m, v)) / p.rates.Host // each way at once
	}
}
