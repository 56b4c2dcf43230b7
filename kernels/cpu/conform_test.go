package cpu_test

import (
	"testing"

	"longlora/kernels"
	"longlora/kernels/conform"
	"longlora/kernels/cpu"
	"longlora/kernels/simd"
)

func TestNoLeak(t *testing.T) { eachTier(t, conform.NoLeak) }

func TestNoLeakBF16(t *testing.T) {
	for _, tier := range simd.Tiers() {
		t.Run(tier.String(), func(t *testing.T) {
			b, err := cpu.OpenTier(cpu.Options{Threads: 2, Precision: kernels.BF16}, tier)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			conform.NoLeak(t, b)
		})
	}
}

func TestAgree(t *testing.T) { eachTier(t, conform.Agree) }

func eachTier(t *testing.T, f func(*testing.T, kernels.Backend)) {
	for _, tier := range simd.Tiers() {
		t.Run(tier.String(), func(t *testing.T) {
			b := cpu.NewTier(2, tier)
			defer b.Close()
			f(t, b)
		})
	}
}
