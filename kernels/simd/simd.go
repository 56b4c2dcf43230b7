// Package simd holds the elementwise row operations that operators share, in tiers: AVX-512, AVX2
// and portable Go. A tier's results do not depend on alignment or on the number of threads; tiers
// differ from each other by rounding.
package simd

import (
	"fmt"
	"math"
	"strings"
)

// Tier is an instruction set.
type Tier uint8

// The tiers, from the one that runs everywhere to the fastest.
const (
	Portable Tier = iota
	AVX2
	AVX512
)

// tierNames are the values of the environment variable and of a checkpoint's record.
var tierNames = [...]string{Portable: "portable", AVX2: "avx2", AVX512: "avx512"}

func (t Tier) String() string { return tierNames[t] }

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
		if Tier(t) > Best() {
			return 0, fmt.Errorf("simd: this machine has no %s; its best tier is %s", name, Best())
		}
		return Tier(t), nil
	}
	return 0, fmt.Errorf("simd: unknown tier %q; the tiers are %s", name, strings.Join(tierNames[:], ", "))
}

// width is the number of floats that the tier's row functions take at a time, and a bound for all
// tiers.
const maxWidth = 32

// Ops are a tier's row functions. Rows may have any length and alignment. dst may be src.
type Ops struct {
	tier   Tier
	expSum func(dst, src *float32, n int64, scale, shift float32) float32
	max    func(src *float32, n int64) float32
	dot    func(x, y *float32, n int64) float32
	axpy   func(y, x *float32, n int64, a float32)
	width  int
}

// For returns the row functions of a tier.
func For(t Tier) *Ops {
	o := &Ops{tier: t, width: 1}
	o.assemble()
	return o
}

// Tier returns the tier of the functions.
func (o *Ops) Tier() Tier { return o.tier }

// ExpSum computes dst = exp(src·scale - shift) and returns its sum. Results below 2^-126 are 0;
// the relative error is at most 2^-22.
func (o *Ops) ExpSum(dst, src []float32, scale, shift float32) float32 {
	whole := len(src) / o.width * o.width
	var sum float32
	if o.expSum == nil {
		for i, x := range src {
			e := expPortable(x*scale - shift)
			dst[i] = e
			sum += e
		}
		return sum
	}
	if whole > 0 {
		sum = o.expSum(&dst[0], &src[0], int64(whole), scale, shift)
	}
	if whole < len(src) {
		var in, out [maxWidth]float32
		n := copy(in[:], src[whole:])
		o.expSum(&out[0], &in[0], int64(o.width), scale, shift)
		for i := range n {
			dst[whole+i] = out[i]
			sum += out[i]
		}
	}
	return sum
}

// expPortable is exp with results below 2^-126 as 0, as the assembly has it.
func expPortable(x float32) float32 {
	if x < -87.33654 {
		return 0
	}
	return float32(math.Exp(float64(min(x, 88.37626))))
}

// Max returns the greatest element, -Inf of none.
func (o *Ops) Max(x []float32) float32 {
	m := float32(math.Inf(-1))
	whole := len(x) / o.width * o.width
	if o.max == nil {
		whole = 0
	} else if whole > 0 {
		m = o.max(&x[0], int64(whole))
	}
	for _, v := range x[whole:] {
		m = max(m, v)
	}
	return m
}

// Dot returns Σ x·y.
func (o *Ops) Dot(x, y []float32) float32 {
	y = y[:len(x)]
	var sum float32
	whole := len(x) / (2 * o.width) * (2 * o.width)
	if o.dot == nil {
		whole = 0
	} else if whole > 0 {
		sum = o.dot(&x[0], &y[0], int64(whole))
	}
	for i := whole; i < len(x); i++ {
		sum += x[i] * y[i]
	}
	return sum
}

// Axpy computes y += a·x.
func (o *Ops) Axpy(y []float32, a float32, x []float32) {
	y = y[:len(x)]
	whole := len(x) / o.width * o.width
	if o.axpy == nil {
		whole = 0
	} else if whole > 0 {
		o.axpy(&y[0], &x[0], int64(whole), a)
	}
	for i := whole; i < len(x); i++ {
		y[i] += a * x[i]
	}
}
