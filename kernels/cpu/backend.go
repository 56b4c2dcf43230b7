// Package cpu is the default backend: the processor's cores, pure Go with assembly in SIMD tiers.
// Results have the same bits for any number of threads within a tier and precision.
package cpu

import (
	"fmt"

	"longlora/kernels"
	"longlora/kernels/adamw"
	"longlora/kernels/attention"
	"longlora/kernels/bias"
	"longlora/kernels/crossentropy"
	"longlora/kernels/embedding"
	"longlora/kernels/gelu"
	"longlora/kernels/gemm"
	"longlora/kernels/layernorm"
	"longlora/kernels/linear"
	"longlora/kernels/machine"
	"longlora/kernels/rmsnorm"
	"longlora/kernels/rope"
	"longlora/kernels/simd"
	"longlora/kernels/softcap"
	"longlora/kernels/swiglu"
)

// Backend implements kernels.Backend. Activations and gradients are F32; embedding tables, norms
// and linear weights may be BF16.
type Backend struct {
	m    *machine.Machine
	name string
}

var _ kernels.Backend = (*Backend)(nil)

// Options choose what a backend computes with. The zero Options is every core and float32.
type Options struct {
	// Threads is the number of threads, 0: all that the process may use.
	Threads int
	// Precision is F32, or BF16: the operands of products, those of adapters and of the head included,
	// are rounded to brain floats on their way; sums and softmax are float32, and all that is stored
	// stays as it is. Attention's products are rounded by tiers that have instructions for it alone.
	// 0 is F32.
	Precision kernels.DType
}

// Open returns a backend of the tier that the environment variable LONGLORA_SIMD names, or else the
// best one of this processor. Any tier has any precision; AVX512-BF16 is fast at BF16.
func Open(o Options) (*Backend, error) {
	tier, err := machine.Tier()
	if err != nil {
		return nil, err
	}
	return OpenTier(o, tier)
}

// OpenTier returns a backend of a tier that this processor has.
func OpenTier(o Options, tier simd.Tier) (*Backend, error) {
	switch o.Precision {
	case 0, kernels.F32:
		return NewTier(o.Threads, tier), nil
	case kernels.BF16:
		m := machine.NewPrecision(o.Threads, tier, gemm.Brain)
		return &Backend{m, "cpu/" + tier.String() + "/bf16"}, nil
	}
	return nil, fmt.Errorf("cpu: precision is %v, want %v or %v", o.Precision, kernels.F32,
		kernels.BF16)
}

// New returns a float32 backend of threads threads (0: all that the process may use) and of the
// tier that Open chooses.
func New(threads int) (*Backend, error) { return Open(Options{Threads: threads}) }

// NewTier returns a float32 backend of a tier that this processor has.
func NewTier(threads int, tier simd.Tier) *Backend {
	return &Backend{machine.New(threads, tier), "cpu/" + tier.Floats().String()}
}

// Name returns "cpu/" and the tier whose results these are, and "/bf16" with that precision.
func (b *Backend) Name() string { return b.name }

// Threads returns the number of threads.
func (b *Backend) Threads() int { return b.m.Pool.Threads() }

// NewArena reserves size bytes; the system provides their pages when they are first touched.
func (b *Backend) NewArena(size int64) (kernels.Arena, error) { return machine.NewArena(size) }

// Sync returns nil: every operator has finished when its method returns.
func (b *Backend) Sync() error { return nil }

// Close ends the threads.
func (b *Backend) Close() error {
	b.m.Close()
	return nil
}

// Embedding implements kernels.Backend.
func (b *Backend) Embedding(y, table, ids kernels.Tensor) { embedding.CPU(b.m, y, table, ids) }

// EmbeddingGrad implements kernels.Backend.
func (b *Backend) EmbeddingGrad(dTable, dy, ids kernels.Tensor) {
	embedding.CPUGrad(b.m, dTable, dy, ids)
}

// RMSNorm implements kernels.Backend.
func (b *Backend) RMSNorm(y, rstd, x, w kernels.Tensor, eps float32) {
	rmsnorm.CPU(b.m, y, rstd, x, w, eps)
}

// RMSNormGrad implements kernels.Backend.
func (b *Backend) RMSNormGrad(dx, dw, dy, x, w, rstd kernels.Tensor) {
	rmsnorm.CPUGrad(b.m, dx, dw, dy, x, w, rstd)
}

// LayerNorm implements kernels.Backend.
func (b *Backend) LayerNorm(y, mean, rstd, x, w, shift kernels.Tensor, eps float32) {
	layernorm.CPU(b.m, y, mean, rstd, x, w, shift, eps)
}

// LayerNormGrad implements kernels.Backend.
func (b *Backend) LayerNormGrad(dx, dw, db, dy, x, w, mean, rstd kernels.Tensor) {
	layernorm.CPUGrad(b.m, dx, dw, db, dy, x, w, mean, rstd)
}

// RoPE implements kernels.Backend.
func (b *Backend) RoPE(x, cos, sin, pos kernels.Tensor, inverse bool) {
	rope.CPU(b.m, x, cos, sin, pos, inverse)
}

// Linear implements kernels.Backend.
func (b *Backend) Linear(y, x kernels.Tensor, l kernels.Linear, u kernels.Tensor, accumulate bool) {
	linear.CPU(b.m, y, x, l, u, accumulate)
}

// LinearGrad implements kernels.Backend.
func (b *Backend) LinearGrad(dx kernels.Tensor, g kernels.LinearGrad, dy, x kernels.Tensor,
	l kernels.Linear, u kernels.Tensor) {
	linear.CPUGrad(b.m, dx, g, dy, x, l, u)
}

// AdapterNorms implements kernels.Backend.
func (b *Backend) AdapterNorms(norms kernels.Tensor, l kernels.Linear) {
	linear.NormsCPU(b.m, norms, l)
}

// AddBias implements kernels.Backend.
func (b *Backend) AddBias(y, v kernels.Tensor) { bias.CPU(b.m, y, v) }

// BiasGrad implements kernels.Backend.
func (b *Backend) BiasGrad(db, dy kernels.Tensor) { bias.CPUGrad(b.m, db, dy) }

// Attention implements kernels.Backend.
func (b *Backend) Attention(o, lse, q, k, v kernels.Tensor, s kernels.Segments, scale float32) {
	attention.CPU(b.m, o, lse, q, k, v, s, scale)
}

// AttentionGrad implements kernels.Backend.
func (b *Backend) AttentionGrad(dq, dk, dv, do, o, lse, q, k, v kernels.Tensor, s kernels.Segments,
	scale float32) {
	attention.CPUGrad(b.m, dq, dk, dv, do, o, lse, q, k, v, s, scale)
}

// SwiGLU implements kernels.Backend.
func (b *Backend) SwiGLU(y, gate, up kernels.Tensor) { swiglu.CPU(b.m, y, gate, up) }

// SwiGLUGrad implements kernels.Backend.
func (b *Backend) SwiGLUGrad(dgate, dup, dy, gate, up kernels.Tensor) {
	swiglu.CPUGrad(b.m, dgate, dup, dy, gate, up)
}

// GELU implements kernels.Backend.
func (b *Backend) GELU(y, x, up kernels.Tensor, form kernels.GELU) {
	gelu.CPU(b.m, y, x, up, form)
}

// GELUGrad implements kernels.Backend.
func (b *Backend) GELUGrad(dx, dup, dy, x, up kernels.Tensor, form kernels.GELU) {
	gelu.CPUGrad(b.m, dx, dup, dy, x, up, form)
}

// SoftCap implements kernels.Backend.
func (b *Backend) SoftCap(y kernels.Tensor, limit float32) { softcap.CPU(b.m, y, limit) }

// CrossEntropy implements kernels.Backend.
func (b *Backend) CrossEntropy(losses, dh, dw, h kernels.Tensor, l kernels.Linear,
	targets, weights kernels.Tensor, scale float32) {
	crossentropy.CPU(b.m, losses, dh, dw, h, l, targets, weights, scale)
}

// LogitLoss implements kernels.Backend.
func (b *Backend) LogitLoss(losses, logits, targets, weights kernels.Tensor, scale float32) {
	crossentropy.CPULogits(b.m, losses, logits, targets, weights, scale)
}

// SumSquares implements kernels.Backend.
func (b *Backend) SumSquares(ts ...kernels.Tensor) float64 {
	return adamw.CPUSumSquares(b.m, ts...)
}

// AdamW implements kernels.Backend.
func (b *Backend) AdamW(p, g, m, v kernels.Tensor, s kernels.AdamWStep) {
	adamw.CPU(b.m, p, g, m, v, s)
}
