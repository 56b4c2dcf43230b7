package peak

import "longlora/kernels/simd"

// FMA returns the loop of float32 multiply-adds in a tier's vectors, nil if it has none.
func FMA(t simd.Tier) *Loop {
	switch t.Floats() {
	case simd.AVX512:
		return &Loop{24 * 16 * 2, fmaAVX512}
	case simd.AVX2:
		return &Loop{12 * 8 * 2, fmaAVX2}
	}
	return nil
}

// Dot returns the loop of inner products of pairs of brain floats, nil if this processor has none.
func Dot() *Loop {
	if simd.Best() != simd.AVX512BF16 {
		return nil
	}
	return &Loop{24 * 16 * 4, dotAVX512}
}
