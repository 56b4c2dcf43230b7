//go:build !amd64

package peak

import "longlora/kernels/simd"

// FMA returns nil: there is no loop for this architecture.
func FMA(simd.Tier) *Loop { return nil }

// Dot returns nil: there is no loop for this architecture.
func Dot() *Loop { return nil }
