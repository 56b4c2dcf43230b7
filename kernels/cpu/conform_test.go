package cpu_test

import (
	"testing"

	"longlora/kernels"
	"longlora/kernels/conform"
	"longlora/kernels/cpu"
	"longlora/kernels/simd"
)

func TestNoLeak(t *testing.T) { eachTier(t, conform.NoLeak) }

func TestAgree(t *testing.T) { eachTier(t, conform.Agree) }

func eachTier(t *testing.T, f func(*testing.T, kernels.Backend)) {
	for tier := simd.Portable; tier <= simd.Best(); tier++ {
		t.Run(tier.String(), func(t *testing.T) {
			b := cpu.NewTier(2, tier)
			defer b.Close()
			f(t, b)
		})
	}
}
