package cpu_test

import (
	"testing"

	"longlora/kernels/conform"
	"longlora/kernels/cpu"
	"longlora/kernels/simd"
)

func TestNoLeak(t *testing.T) {
	for tier := simd.Portable; tier <= simd.Best(); tier++ {
		t.Run(tier.String(), func(t *testing.T) {
			b := cpu.NewTier(2, tier)
			defer b.Close()
			conform.NoLeak(t, b)
		})
	}
}
