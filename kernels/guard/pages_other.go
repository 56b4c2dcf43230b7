//go:build !unix

package guard

import "testing"

// pages returns n floats: this system has no pages that fault, but canaries are there.
func pages(_ testing.TB, n int) ([]float32, int) {
	const fence = 64
	return make([]float32, n+fence), n + fence
}
