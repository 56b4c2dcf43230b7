package attention

import (
	"fmt"
	"testing"

	"longlora/kernels"
	"longlora/kernels/kerneltest"
	"longlora/kernels/machine"
)

// windows are within a tile, about as long as one, and longer than all.
func windows() []int { return []int{1, 2, 3, 16, gradTile - 1, gradTile, keyTile, keyTile + 1, 5000} }

// TestCPUWindow has queries whose window begins anywhere in a tile or in a later one than that of
// others in their block, in segments and after cached keys.
func TestCPUWindow(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		for _, window := range windows() {
			for _, n := range []int32{1, 5, 67, 2*keyTile + 37} {
				if testing.Short() && n > 67 && window != 16 {
					continue
				}
				s := kernels.Segments{Window: window, Groups: []kernels.HeadGroup{
					{From: 0, To: 2, Bounds: []int32{0, n}},
					{From: 2, To: 4, Bounds: cuts(n, 3, n/3, n/2+1, n-1)}}}
				t.Run(fmt.Sprint(window, n), func(t *testing.T) {
					newProblem(t, int(n), 4, 2, 16, s).check(t, m)
				})
			}
			for _, queries := range []int{1, 4, 40} {
				s := one(2, 0, 100, int32(queries+300))
				s.Offset, s.Window = 300, window
				newProblem(t, queries, 2, 1, 17, s).check(t, m)
			}
		}
	})
}

// TestCPUBounded bounds scores, in windows and without.
func TestCPUBounded(t *testing.T) {
	kerneltest.EachTier(t, func(t *testing.T, m *machine.Machine) {
		for _, limit := range []float32{0.5, 3, 50} {
			for _, window := range []int{0, 3, 100} {
				s := kernels.Segments{Cap: limit, Window: window, Groups: []kernels.HeadGroup{
					{From: 0, To: 1, Bounds: []int32{0, keyTile + 40}},
					{From: 1, To: 4, Bounds: []int32{0, 7, 99, keyTile + 40}}}}
				newProblem(t, keyTile+40, 4, 2, 20, s).check(t, m)
				s = one(2, 0, 5, 203)
				s.Offset, s.Cap, s.Window = 200, limit, window
				newProblem(t, 3, 2, 1, 16, s).check(t, m)
			}
		}
	})
}

// TestCPUWindowBrain is both with products of brain floats.
func TestCPUWindowBrain(t *testing.T) {
	kerneltest.EachBrain(t, func(t *testing.T, m *machine.Machine) {
		for _, window := range []int{1, 3, 16, gradTile, keyTile + 1} {
			for _, n := range []int32{5, 67, keyTile + 45} {
				if testing.Short() && n > 67 {
					continue
				}
				s := kernels.Segments{Window: window, Cap: 20, Groups: []kernels.HeadGroup{
					{From: 0, To: 2, Bounds: []int32{0, n}},
					{From: 2, To: 4, Bounds: cuts(n, 3, n/3, n/2+1, n-1)}}}
				newProblem(t, int(n), 4, 2, 16, s).checkBrain(t, m)
			}
		}
	})
}

func TestCPUWindowSameBits(t *testing.T) {
	kerneltest.SameBits(t, func(m *machine.Machine) []float32 {
		s := kernels.Segments{Window: 30, Cap: 5, Groups: []kernels.HeadGroup{
			{From: 0, To: 2, Bounds: []int32{0, 400}}, {From: 2, To: 4, Bounds: []int32{0, 50, 400}}}}
		p := newProblem(t, 400, 4, 2, 16, s)
		p.run(m)
		var all []float32
		for _, x := range []kernels.Tensor{p.o, p.dq, p.dk, p.dv} {
			all = append(all, kerneltest.Float32s(x)...)
		}
		return all
	})
}
