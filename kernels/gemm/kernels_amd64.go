package gemm

import "longlora/kernels/simd"

// assembly returns the tiles of a tier that has any.
func assembly(t simd.Tier) *Kernels {
	switch t {
	case simd.AVX512BF16:
		k := assembly(simd.AVX512)
		k.brain = []height{{14, brain14x32, brain14x16}, {4, brain4x32, brain4x16},
			{1, brain1x32, brain1x16}}
		k.pack.shrinkRow, k.pack.shrinkPairs, k.pack.joinPairs = shrinkRow, shrinkPairs, joinPairs
		return k
	case simd.AVX512:
		return &Kernels{Rows: 14, Wide: 32, Narrow: 16, heights: []height{
			{14, zmm14x32, zmm14x16}, {8, zmm8x32, zmm8x16}, {4, zmm4x32, zmm4x16},
			{2, zmm2x32, zmm2x16}, {1, zmm1x32, zmm1x16}},
			pack: packers{rows: zmmCopy, blocks: zmmTranspose, rowsBF16: zmmCopyBF16,
				blocksBF16: zmmTransposeBF16}}
	case simd.AVX2:
		return &Kernels{Rows: 6, Wide: 16, Narrow: 8, heights: []height{
			{6, ymm6x16, ymm6x8}, {4, ymm4x16, ymm4x8}, {2, ymm2x16, ymm2x8},
			{1, ymm1x16, ymm1x8}},
			pack: packers{rows: ymmCopy, blocks: ymmTranspose, rowsBF16: ymmCopyBF16,
				blocksBF16: ymmTransposeBF16}}
	}
	return nil
}
