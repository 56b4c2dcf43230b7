package crossentropy

import (
	"math"
	"testing"

	"longlora/kernels"
	"longlora/kernels/kerneltest"
	"longlora/kernels/machine"
)

// TestCPUBrain holds products of brain floats against those of floats, with operands that are brain
// floats anyway. The logits of one of two rows that share words rise far from block to block, so that
// what is subtracted from them changes, while the other's fall. The number of rows is odd.
func TestCPUBrain(t *testing.T) {
	kerneltest.EachBrain(t, func(t *testing.T, m *machine.Machine) {
		const rows, vocabulary = 31, 3*maxBlock + 5
		floats := machine.New(1, m.Ops.Tier().Floats())
		defer floats.Close()
		mem := kerneltest.New(t, 1<<17, 1)
		p := &problem{d: 1, losses: mem.Empty(rows), dh: mem.Empty(rows, 1),
			dw: mem.Zeros(vocabulary, 1), h: mem.Empty(rows, 1), weights: mem.Empty(rows)}
		w := mem.Empty(vocabulary, 1)
		for i, weights := 0, machine.F32(w); i < vocabulary; i++ {
			weights[i] = float32(20*(i/maxBlock)) + float32(i%4)/4
		}
		for i := range rows {
			machine.F32(p.h)[i] = float32(1 - (i+i/2)%2*2)
			machine.F32(p.weights)[i] = 1 + float32(i%4)/4
			p.ids = append(p.ids, int32(vocabulary-1-i%3))
		}
		p.targets, p.l = mem.Ints(p.ids), kernels.Linear{W: kernels.Dense{Tensor: w}}
		p.run(m)
		losses, dh, dw := kerneltest.Float32s(p.losses), kerneltest.Float32s(p.dh),
			kerneltest.Float32s(p.dw)
		clear(machine.F32(p.dw))
		p.run(floats)
		// An exponential is rounded by 2^-9, once more each time that it is scaled, which is three
		// times at most; so is what it is multiplied by. All products of a sum of dw have one sign, those
		// of dh are of logits of up to 61 times weights of up to 1.75.
		within(t, "losses", losses, kerneltest.Float32s(p.losses), 0x1p-18, 0)
		within(t, "dh", dh, kerneltest.Float32s(p.dh), 5*0x1p-9, scale*1.75*61)
		within(t, "dw", dw[:maxBlock], kerneltest.Float32s(p.dw)[:maxBlock], 5*0x1p-9, 0)
	})
}

func within(t *testing.T, name string, got, want []float32, tolerance, mass float64) {
	t.Helper()
	for i, w := range want {
		limit := tolerance * max(mass, math.Abs(float64(w)))
		if diff := math.Abs(float64(got[i] - w)); !(diff <= limit) {
			t.Fatalf("%s: element %d is %g, want %g", name, i, got[i], w)
		}
	}
}
