package gemm

import "longlora/kernels/simd"

// assembly returns the tiles of a tier that has any.
func assembly(t simd.Tier) *Kernels {
	switch t {
	case simd.AVX512:
		return &Kernels{Rows: 14, Wide: 32, Narrow: 16, heights: []height{
			{14, zmm14x32, zmm14x16}, {8, zmm8x32, zmm8x16}, {4, zmm4x32, zmm4x16},
			{2, zmm2x32, zmm2x16}, {1, zmm1x32, zmm1x16}},
			pack: packers{zmmCopy, zmmTranspose, zmmCopyBF16, zmmTransposeBF16}}
	case simd.AVX2:
		return &Kernels{Rows: 6, Wide: 16, Narrow: 8, heights: []height{
			{6, ymm6x16, ymm6x8}, {4, ymm4x16, ymm4x8}, {2, ymm2x16, ymm2x8},
			{1, ymm1x16, ymm1x8}},
			pack: packers{ymmCopy, ymmTranspose, ymmCopyBF16, ymmTransposeBF16}}
	}
	return nil
}
