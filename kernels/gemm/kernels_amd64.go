package gemm

import "longlora/kernels/simd"

// assembly returns the tiles of a tier that has any.
func assembly(t simd.Tier) *Kernels {
	switch t {
	case simd.AVX512BF16:
		k := assembly(simd.AVX512)
		k.brain, k.thin.brain = widths{brainx32, brainx16}, brainThin
		k.pack.shrinkRows, k.pack.shrinkPairs, k.pack.joinPairs = shrinkRows, shrinkPairs, joinPairs
		return k
	case simd.AVX512:
		return &Kernels{Rows: 14, Wide: 32, Narrow: 16, floats: widths{zmmx32, zmmx16}, masks: true,
			pack: packers{rows: zmmCopy, blocks: zmmTranspose, rowsBF16: zmmCopyBF16,
				blocksBF16: zmmTransposeBF16},
			thin: thin{rows: 8, cols: 16, step: 16, halves: true, floats: zmmThin}}
	case simd.AVX2:
		return &Kernels{Rows: 6, Wide: 16, Narrow: 8, floats: widths{ymmx16, ymmx8},
			pack: packers{rows: ymmCopy, blocks: ymmTranspose, rowsBF16: ymmCopyBF16,
				blocksBF16: ymmTransposeBF16},
			thin: thin{rows: 6, cols: 8, step: 8, halves: true, floats: ymmThin}}
	}
	return nil
}
