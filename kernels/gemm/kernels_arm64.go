package gemm

import "longlora/kernels/simd"

// assembly returns the tiles of a tier that has any.
func assembly(t simd.Tier) *Kernels {
	if t != simd.NEON {
		return nil
	}
	return &Kernels{Rows: 12, Wide: 8, Narrow: 4, heights: []height{
		{12, neon12x8, neon12x4}, {4, neon4x8, neon4x4}, {1, neon1x8, neon1x4}}}
}
