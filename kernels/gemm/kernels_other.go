//go:build !amd64 && !arm64

package gemm

import "longlora/kernels/simd"

// assembly returns nil: there are no tiles in assembly for this architecture.
func assembly(simd.Tier) *Kernels { return nil }
