package gemm

import "longlora/kernels/simd"

// assembly returns the tiles of a tier that has any.
func assembly(t simd.Tier) *Kernels {
	if t != simd.NEON {
		return nil
	}
	return &Kernels{Rows: 12, Wide: 8, Narrow: 4, floats: widths{neonx8, neonx4},
		thin: thin{rows: 8, cols: 8, step: 4, halves: true, floats: neonThin}}
}
