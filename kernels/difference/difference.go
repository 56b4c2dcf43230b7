// Package difference derives functions numerically, so that tests can hold written gradients
// against it.
package difference

import (
	"math"
	"math/rand/v2"
	"testing"
)

// step is h of the five-point rule. The rule's error is h⁴/30·f⁽⁵⁾, 7e-18·f⁽⁵⁾, and at most 1.5·δ/h
// for values that are known to δ: 1.4e-12 for values of order 1 in float64.
const step = 0x1p-13

// Tolerance is the error that Check allows, relative to the greatest of 1 and the derivative: it
// holds for fifth derivatives up to 1e8 and values up to some 500.
const Tolerance = 1e-9

// Of returns the derivative of f by *x, which it changes and restores.
func Of(x *float64, f func() float64) float64 {
	at := func(shift float64) float64 {
		old := *x
		defer func() { *x = old }()
		*x += shift
		return f()
	}
	near := at(step) - at(-step)
	far := at(2*step) - at(-2*step)
	return (8*near - far) / (12 * step)
}

// Check reports every element of x by which f's derivative is not gradient's element.
func Check(t testing.TB, name string, x, gradient []float64, f func() float64) {
	t.Helper()
	if len(x) != len(gradient) {
		t.Fatalf("%s: %d elements, but %d derivatives", name, len(x), len(gradient))
	}
	for i := range x {
		want := Of(&x[i], f)
		if err := math.Abs(gradient[i] - want); !(err <= Tolerance*max(1, math.Abs(want))) {
			t.Errorf("%s[%d]: derivative %.12g, want %.12g", name, i, gradient[i], want)
		}
	}
}

// Weighted returns Σ weights·y: the scalar whose gradient tests derive, for any upstream gradient.
func Weighted(weights, y []float64) float64 {
	var sum float64
	for i, w := range weights {
		sum += w * y[i]
	}
	return sum
}

// Normal returns n numbers of the standard normal distribution.
func Normal(rng *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	return x
}
