// Package modeltest is what tests of models share. It does not import package model, so that model's own
// tests can use it.
package modeltest

import (
	"math"
	"testing"
)

// source is a model that computes the logits of batches B.
type source[B any] interface {
	Logits(batch B, row func(token int, logits []float32) error) error
}

// Logits returns all logits of a batch, row-major.
func Logits[B any](t testing.TB, m source[B], batch B) (all []float32) {
	t.Helper()
	err := m.Logits(batch, func(_ int, row []float32) error {
		all = append(all, row...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Distance is the L2 norm of x-y relative to that of y, 0 if they are equal.
func Distance[F float32 | float64](x, y []F) float64 {
	var d, n float64
	for i := range y {
		d += (float64(x[i]) - float64(y[i])) * (float64(x[i]) - float64(y[i]))
		n += float64(y[i]) * float64(y[i])
	}
	if d == 0 {
		return 0
	}
	return math.Sqrt(d / n)
}
