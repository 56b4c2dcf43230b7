// Package kernels is the compute seam: tensors, and the Backend interface that models are written
// against. The operators live in one directory each (formula, float64 reference, CPU code, CUDA
// source, tests); backends put them together: cpu, reference (float64) and plan (counts memory and
// arithmetic, computes nothing).
package kernels

// Backend runs operators. Shapes are written [T, D] with T tokens; H query heads and Hkv key/value
// heads of size Dh. Rows are contiguous along the last axis; other axes may have strides unless an
// operator says otherwise. "dx +=" means that the operator adds to what is there.
//
// Operators may be queued: results are defined after Sync, or after Read, which waits. A shape that
// does not fit is a defect of the caller and panics; whatever the machine can do wrong is returned
// by Sync. A Backend serves one goroutine at a time.
type Backend interface {
	// Name is the backend and its SIMD tier or device, as "cpu/avx512"; checkpoints record it.
	Name() string

	// NewArena reserves size bytes, from which tensors are cut.
	NewArena(size int64) (Arena, error)

	// Sync waits for all queued operators and returns the first error since the last Sync.
	Sync() error
	// Close gives back threads and device handles. Arenas are closed on their own.
	Close() error

	// Write fills dst (F32 or BF16: rounded to nearest even) from src, len(src) == dst.Len().
	Write(dst Tensor, src []float32)
	// WriteInts fills dst (I32) from src.
	WriteInts(dst Tensor, src []int32)
	// Read waits, then copies src (F32 or BF16) to dst, len(dst) == src.Len().
	Read(dst []float32, src Tensor)
	// Zero clears t.
	Zero(t Tensor)
	// Copy copies src to dst, converting between F32 and BF16.
	Copy(dst, src Tensor)
	// Add computes dst += src, elementwise.
	Add(dst, src Tensor)
	// Scale computes t *= s.
	Scale(t Tensor, s float32)

	// Embedding gathers y[t] = table[ids[t]]. y [T, D], table [V, D], ids I32 [T].
	Embedding(y, table, ids Tensor)
	// EmbeddingGrad scatters dTable[ids[t]] += dy[t], in order of t.
	EmbeddingGrad(dTable, dy, ids Tensor)

	// RMSNorm computes y = x * rstd * w with rstd = 1/sqrt(mean(x^2)+eps), one a row.
	// y, x [T, D]; rstd [T], kept for the gradient; w [D].
	RMSNorm(y, rstd, x, w Tensor, eps float32)
	// RMSNormGrad computes dx += and dw += (dw absent: not wanted).
	RMSNormGrad(dx, dw, dy, x, w, rstd Tensor)

	// LayerNorm computes y = (x - mean) * rstd * w + b with rstd = 1/sqrt(var(x)+eps), one a row.
	// y, x [T, D]; mean, rstd [T], kept for the gradient; w, b [D].
	LayerNorm(y, mean, rstd, x, w, b Tensor, eps float32)
	// LayerNormGrad computes dx +=, and dw += and db += (both absent: not wanted).
	LayerNormGrad(dx, dw, db, dy, x, w, mean, rstd Tensor)

	// RoPE rotates x [T, H, Dh] in place: the pair (j, j+Dh/2) of a row at position p by the angle
	// whose cosine and sine are cos[p, j] and sin[p, j] ([P, Dh/2], any attention scaling already
	// in them). pos is I32 [T]. inverse applies the transpose: the gradient.
	RoPE(x, cos, sin, pos Tensor, inverse bool)

	// Linear computes y = x Wᵀ (+ s·(x' Aᵀ) Bᵀ with an adapter, x' = x after the adapter's dropout),
	// or adds it to y. x [T, I], y [T, O]. u [T, r] receives x' Aᵀ and is kept for the gradient
	// (absent without an adapter).
	Linear(y, x Tensor, l Linear, u Tensor, accumulate bool)
	// LinearGrad computes dx += dy W (+ the adapter's part; dx absent: not wanted) and those of
	// g's members that are present, each +=.
	LinearGrad(dx Tensor, g LinearGrad, dy, x Tensor, l Linear, u Tensor)

	// AdapterNorms computes norms[o], the Euclidean norm of row o of W + s·B A. norms F32 [O].
	AdapterNorms(norms Tensor, l Linear)
	// AddBias computes y[t] += b. y [T, D], b F32 [D].
	AddBias(y, b Tensor)
	// BiasGrad computes db += Σ dy[t].
	BiasGrad(db, dy Tensor)

	// Attention computes softmax(scale · q kᵀ) v over the keys that s lets each query see.
	// q, o [T, H, Dh]; k, v [S, Hkv, Dh], H a multiple of Hkv: query head h reads key head
	// h/(H/Hkv), never copied. lse F32 [H, T] receives the log of the softmax's denominator.
	Attention(o, lse, q, k, v Tensor, s Segments, scale float32)
	// AttentionGrad overwrites dq, dk, dv. o and lse are Attention's.
	AttentionGrad(dq, dk, dv, do, o, lse, q, k, v Tensor, s Segments, scale float32)

	// SwiGLU computes y = silu(gate) * up. All [T, F].
	SwiGLU(y, gate, up Tensor)
	// SwiGLUGrad overwrites dgate and dup; they may be gate's and up's own memory.
	SwiGLUGrad(dgate, dup, dy, gate, up Tensor)

	// GELU computes y = gelu(x) * up (up absent: y = gelu(x)). All [T, F].
	GELU(y, x, up Tensor, form GELU)
	// GELUGrad overwrites dx and, if up is present, dup; they may be x's and up's own memory.
	GELUGrad(dx, dup, dy, x, up Tensor, form GELU)

	// SoftCap computes y = cap * tanh(y/cap), elementwise, in place.
	SoftCap(y Tensor, cap float32)

	// CrossEntropy fuses the head's product with softmax cross-entropy, in chunks of rows, so that
	// no [T, V] matrix exists. h [T, D], head weights [V, D] in l, targets I32 [T] (negative: the
	// row has none), weights F32 [T]. losses F32 [T] receives the unweighted -log p(target), 0
	// without a target. If dh is present: dh [T, D] is overwritten with the gradient of
	// scale·Σ weights[t]·losses[t], and dw (if present) gets the head's gradient, +=.
	CrossEntropy(losses, dh, dw, h Tensor, l Linear, targets, weights Tensor, scale float32)

	// LogitLoss is CrossEntropy after the head's product, for heads that it does not know: logits F32
	// [T, V]. If weights is present, logits is overwritten with the gradient of
	// scale·Σ weights[t]·losses[t]; its rows without a target become 0.
	LogitLoss(losses, logits, targets, weights Tensor, scale float32)

	// SumSquares returns Σ x² over all the tensors, summed in an order that does not depend on
	// the number of threads. It waits.
	SumSquares(ts ...Tensor) float64
	// AdamW updates p, m, v (F32) by the gradient g. See AdamWStep.
	AdamW(p, g, m, v Tensor, s AdamWStep)
}

// GELU is a form of the Gaussian error linear unit.
type GELU uint8

// The forms: by the error function, and the approximation of it by tanh.
const (
	GELUErf GELU = iota
	GELUTanh
)

// Arena is a stack of tensors in one reserved block. Tensors are 64-byte aligned and hold what
// memory held before: operators that overwrite need no clearing, others call Zero.
type Arena interface {
	// Alloc cuts a contiguous tensor off the block; it panics when the plan was too small.
	Alloc(d DType, shape ...int) Tensor
	// Mark returns the present height, Release cuts the stack back to it.
	Mark() int64
	Release(mark int64)
	// Peak returns the greatest height so far, in bytes.
	Peak() int64
	Close() error
}

// Weight is a linear layer's matrix [Out, In] in some storage: Dense now; blocks of nf4 or int8 are
// other implementations. A backend panics on one that it does not know.
type Weight interface {
	Out() int
	In() int
}

// Dense is a Weight stored as it is: F32 or BF16, [Out, In].
type Dense struct{ Tensor }

// Out returns the number of output features.
func (d Dense) Out() int { return d.Dim(0) }

// In returns the number of input features.
func (d Dense) In() int { return d.Dim(1) }

// Linear is the operand of a linear layer: its weight and, if A is present, a LoRA adapter
// (arXiv 2106.09685, equation 3).
type Linear struct {
	W Weight
	// A [r, I] and B [O, r], F32.
	A, B Tensor
	// Scale is alpha/r.
	Scale float32
	// Magnitude and Norm, F32 [O], make the adapter one of DoRA (arXiv 2402.09353, equation 5): both
	// or none. Output o is scaled by Magnitude[o]/Norm[o]; Norm is AdapterNorms', and a constant to
	// the gradient (section 4.3). Dropout leaves W's own product as it is, as PEFT does.
	Magnitude, Norm Tensor
	// Dropout is the probability, in [0, 1), with which an element of the adapter's input is
	// zeroed; the others are divided by 1-Dropout. The mask is a pure function of Seed and the
	// element's index, so that the gradient and a recomputation see the same one.
	Dropout float32
	Seed    uint64
	// Spare is the number of elements behind each row of x, of dy and of W, a Dense, and of rows below
	// W's, that are the operand's own and that a backend may write over; 0: none. With room for the
	// rank there, the adapter's products are part of the large ones.
	Spare int
	// Cap, if positive, makes CrossEntropy's logits Cap·tanh(z/Cap), z the products. Linear and
	// LinearGrad know none.
	Cap float32
}

// LinearGrad holds the gradients wanted of a Linear; absent members are not computed.
// DMagnitude is that of DoRA's Magnitude; with it there is no DW.
type LinearGrad struct{ DW, DA, DB, DMagnitude Tensor }

// AdamWStep is one update (arXiv 1711.05101, algorithm 2, with decoupled decay):
// m = Beta1 m + (1-Beta1) g; v = Beta2 v + (1-Beta2) g²;
// p -= LR (m/(1-Beta1^Step) / (sqrt(v/(1-Beta2^Step)) + Eps) + WeightDecay p), with g scaled by
// GradScale first (clipping).
type AdamWStep struct {
	LR, Beta1, Beta2, Eps, WeightDecay float32
	GradScale                          float32
	// Step counts from 1.
	Step int
	// Gate scales by what Later.Clip left at the gate, beside GradScale, and leaves everything as it
	// is while the gate is closed. Only a Later backend knows it.
	Gate bool
}
