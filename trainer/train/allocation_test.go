package train

import (
	"fmt"
	"runtime"
	"testing"

	"longlora/kernels"
	"longlora/kernels/cpu"
	"longlora/kernels/pattern"
	"longlora/trainer/model"
)

// TestStepAllocatesNothing: once a step of some size has been taken, others of at most that size
// take no memory but the arena's: no allocation and no collection of garbage. What is outside is
// reading and joining rows, which make their batch, and telling the progress.
func TestStepAllocatesNothing(t *testing.T) {
	for _, precision := range []kernels.DType{kernels.F32, kernels.BF16} {
		for _, threads := range []int{1, 2} {
			for _, again := range [][]model.Again{nil, {{Attention: true, MLP: true}, {Rows: true}}} {
				t.Run(fmt.Sprintf("%v, %d threads, %v", precision, threads, again), func(t *testing.T) {
					checkAllocations(t, precision, threads, again)
				})
			}
		}
	}
}

func checkAllocations(t *testing.T, precision kernels.DType, threads int, again []model.Again) {
	b, err := cpu.Open(cpu.Options{Threads: threads, Precision: precision})
	if err != nil {
		t.Fatal(err)
	}
	m := modelWith(t, b, again)
	l := &Loop{Options: options(t.TempDir()), Model: m, World: kernels.Solo{}}
	batches := []*model.Batch{
		randomBatch(shape, pattern.S2, []int32{70, 1, 49}), randomBatch(shape, pattern.Full, []int32{90}),
		randomBatch(shape, pattern.S2, []int32{1, 1, 1}),
	}
	step := func() {
		m.ZeroGrads()
		for i, batch := range batches {
			batch.Seed = l.dropoutSeed(i)
			if _, err := m.Gradient(batch, 1e-3); err != nil {
				t.Fatal(err)
			}
		}
		norm, err := l.norm()
		if err != nil {
			t.Fatal(err)
		}
		if err := l.apply(Metrics{LR: 1e-3, GradNorm: norm}, false); err != nil {
			t.Fatal(err)
		}
		l.State.Step++
	}
	step()
	var before, after runtime.MemStats
	runtime.GC() // of what was needed to come here
	runtime.ReadMemStats(&before)
	allocations := testing.AllocsPerRun(20, step)
	runtime.ReadMemStats(&after)
	if allocations != 0 {
		t.Errorf("a step makes %g allocations", allocations)
	}
	if n := after.NumGC - before.NumGC; n > 0 {
		t.Errorf("garbage is collected %d times in 21 steps", n)
	}
}
