// Package simd holds the elementwise row operations that operators share, in tiers: AVX-512, AVX2,
// NEON and portable Go. A tier's results do not depend on alignment or on the number of threads;
// tiers differ from each other by rounding.
package simd

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Tier is an instruction set.
type Tier uint8

// The tiers. AVX2 is with FMA; AVX512 is the subset of all servers (F, BW, DQ, VL); AVX512BF16 adds
// products of brain floats and leaves those of float32 as they are.
const (
	Portable Tier = iota
	AVX2
	AVX512
	AVX512BF16
	NEON
)

// tierNames are the values of the environment variable and of a checkpoint's record.
var tierNames = [...]string{Portable: "portable", AVX2: "avx2", AVX512: "avx512",
	AVX512BF16: "avx512bf16", NEON: "neon"}

func (t Tier) String() string { return tierNames[t] }

// Floats returns the tier whose float32 results t has.
func (t Tier) Floats() Tier {
	if t == AVX512BF16 {
		return AVX512
	}
	return t
}

// Best returns the fastest tier that this machine and its operating system support.
func Best() Tier {
	all := Tiers()
	return all[len(all)-1]
}

// Parse returns the tier of a name, or the best one of this machine for "". A tier that the machine
// lacks is an error.
func Parse(name string) (Tier, error) {
	if name == "" {
		return Best(), nil
	}
	for t, n := range tierNames {
		if n != name {
			continue
		}
		if !slices.Contains(Tiers(), Tier(t)) {
			return 0, fmt.Errorf("simd: this machine has no %s; its best tier is %s", name, Best())
		}
		return Tier(t), nil
	}
	return 0, fmt.Errorf("simd: unknown tier %q; the tiers are %s", name,
		strings.Join(tierNames[:], ", "))
}

// Ops are a tier's row functions. Rows may have any length and alignment, and a result may be one
// of the operands. What is left of a row after whole vectors is computed in plain Go: an element's
// bits depend on its place in the row and the row's length alone.
type Ops struct {
	tier  Tier
	width int // floats of a vector, a power of two; 0: no assembly
	asm   assembly
}

// assembly has a tier's functions for whole vectors; NEON lacks some, which plain Go does.
type assembly struct {
	expSum      func(dst, src *float32, n int64, scale, shift float32) float32
	max         func(src *float32, n int64) float32
	dot         func(x, y *float32, n int64) float32
	dot3        func(x, y, z *float32, n int64) float32
	axpy        func(y, x *float32, n int64, a float32)
	scale       func(x *float32, n int64, a float32)
	multiply    func(dst, x, y *float32, n int64, a float32)
	multiplyAdd func(dst, x, y *float32, n int64, a float32)
	gate        func(dst, p, x *float32, n int64, scale, shift float32)
	normGrad    func(dx, dw, dy, x, w *float32, n int64, rstd, along float32)
	rotate      func(x, c, s *float32, heads, stride, half, n int64, sign float32)
	masksRotate bool // rotate takes any n, not whole vectors only
	swiglu      func(dst, gate, up *float32, n int64)
	swigluGrad  func(dgate, dup, dy, gate, up *float32, n int64)
	adam        func(p, grad, m, v *float32, n int64, factors *float32)
	roundBrain  func(dst, src *float32, n int64)
	expand      func(dst *float32, src *uint16, n int64)

	// Those of AVX512-BF16, for whole pairs of vectors.
	shrink      func(dst *uint16, src *float32, n int64)
	expSumBrain func(dst *uint16, src *float32, n int64, scale, shift float32) float32
}

// For returns the row functions of a tier.
func For(t Tier) *Ops {
	o := &Ops{tier: t}
	o.assemble()
	return o
}

// Tier returns the tier of the functions.
func (o *Ops) Tier() Tier { return o.tier }

// whole returns how many of n elements are whole vectors for the assembly.
func (o *Ops) whole(n int) int {
	if o.width == 0 {
		return 0
	}
	return n &^ (o.width - 1)
}

// wholeIf is whole for a function that a tier may lack.
func (o *Ops) wholeIf(has bool, n int) int {
	if !has {
		return 0
	}
	return o.whole(n)
}

// Max returns the greatest element, -Inf of none.
func (o *Ops) Max(x []float32) float32 {
	m := float32(math.Inf(-1))
	if n := o.whole(len(x)); n > 0 {
		m, x = o.asm.max(&x[0], int64(n)), x[n:]
	}
	for _, v := range x {
		m = max(m, v)
	}
	return m
}

// Dot returns Σ x·y.
func (o *Ops) Dot(x, y []float32) float32 {
	y = y[:len(x)]
	var sum float32
	n := o.whole(len(x))
	if n > 0 {
		sum = o.asm.dot(&x[0], &y[0], int64(n))
	}
	for i := n; i < len(x); i++ {
		sum += x[i] * y[i]
	}
	return sum
}

// Dot3 returns Σ x·y·z.
func (o *Ops) Dot3(x, y, z []float32) float32 {
	y, z = y[:len(x)], z[:len(x)]
	var sum float32
	n := o.whole(len(x))
	if n > 0 {
		sum = o.asm.dot3(&x[0], &y[0], &z[0], int64(n))
	}
	for i := n; i < len(x); i++ {
		sum += x[i] * y[i] * z[i]
	}
	return sum
}

// Axpy computes y += a·x.
func (o *Ops) Axpy(y []float32, a float32, x []float32) {
	y = y[:len(x)]
	n := o.whole(len(x))
	if n > 0 {
		o.asm.axpy(&y[0], &x[0], int64(n), a)
	}
	for i := n; i < len(x); i++ {
		y[i] += a * x[i]
	}
}

// Scale computes x *= a.
func (o *Ops) Scale(x []float32, a float32) {
	n := o.whole(len(x))
	if n > 0 {
		o.asm.scale(&x[0], int64(n), a)
	}
	for i := n; i < len(x); i++ {
		x[i] *= a
	}
}

// Multiply computes dst = a·x·y.
func (o *Ops) Multiply(dst, x, y []float32, a float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	n := o.whole(len(dst))
	if n > 0 {
		o.asm.multiply(&dst[0], &x[0], &y[0], int64(n), a)
	}
	for i := n; i < len(dst); i++ {
		dst[i] = a * x[i] * y[i]
	}
}

// MultiplyAdd computes dst += a·x·y.
func (o *Ops) MultiplyAdd(dst, x, y []float32, a float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	n := o.whole(len(dst))
	if n > 0 {
		o.asm.multiplyAdd(&dst[0], &x[0], &y[0], int64(n), a)
	}
	for i := n; i < len(dst); i++ {
		dst[i] += a * x[i] * y[i]
	}
}

// Gate computes dst = p·(x·scale - shift).
func (o *Ops) Gate(dst, p, x []float32, scale, shift float32) {
	p, x = p[:len(dst)], x[:len(dst)]
	n := o.whole(len(dst))
	if n > 0 {
		o.asm.gate(&dst[0], &p[0], &x[0], int64(n), scale, shift)
	}
	for i := n; i < len(dst); i++ {
		dst[i] = p[i] * (x[i]*scale - shift)
	}
}
