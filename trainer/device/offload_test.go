//go:build gpu

package device

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"longlora/kernels"
	"longlora/kernels/cuda"
	"longlora/kernels/cuda/emulator"
	"longlora/trainer/model"
)

// deep is small and has layers enough that some leave the device: the last two that are offloaded
// never do.
func deep() model.Config {
	return model.Config{Vocab: 31, Hidden: 16, Layers: 5, Heads: 2, KVHeads: 1, HeadDim: 8, FFN: 24,
		Eps: 1e-5}
}

// walk takes steps with a few tokens.
func walk(t *testing.T, m *model.Model, steps int) {
	t.Helper()
	batch := model.Document([]int32{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9}, m.Config().Heads)
	for n := range steps {
		m.ZeroGrads()
		if _, err := m.Gradient(batch, 0.1); err != nil {
			t.Fatalf("%v: %s", err, emulator.Message())
		}
		for _, p := range m.Params().Trainable() {
			m.Backend().AdamW(p.Value, p.Grad, p.M, p.V, kernels.AdamWStep{LR: 1e-3, Beta1: 0.9,
				Beta2: 0.95, Eps: 1e-8, GradScale: 1, Step: n + 1})
		}
	}
}

// TestOffload: whatever is offloaded, and however late or early copies are made, no bit changes, in
// steps that are issued and in those that are replayed; and as much is copied as there should be.
func TestOffload(t *testing.T) {
	defer emulator.SetOrder(emulator.Forward)
	input := model.Again{Attention: true, MLP: true, Offload: true}
	output := model.Again{Attention: true, Output: true, MLP: true, Offload: true}
	var want map[string][]float32
	for _, c := range []struct {
		again  []model.Again
		copies int // to the host, of a step
		host   bool
	}{
		{nil, 0, false}, {nil, 0, true}, {[]model.Again{input}, 3, false},
		{[]model.Again{output}, 3 * 3, false}, // and of what the attention gives
		{[]model.Again{input, output, {MLP: true}, output, {}}, 1, true},
	} {
		for _, order := range emulator.Orders()[:2] {
			if c.again == nil && order != emulator.Forward {
				continue
			}
			emulator.SetOrder(order)
			name := fmt.Sprintf("%v, moments on the host %v, order %d", c.again, c.host, order)
			o := options(planner, kernels.BF16)
			o.Again, o.HostMoments, o.Spare = c.again, c.host, 8
			m := newShaped(t, gpu(t), deep(), o)
			before := emulator.Calls("cuMemcpyDtoHAsync_v2")
			walk(t, m, 1)
			copied := emulator.Calls("cuMemcpyDtoHAsync_v2") - before - 1 // but the losses
			if emulator.Present() && copied != c.copies {
				t.Errorf("%s: %d copies to the host, want %d", name, copied, c.copies)
			}
			walk(t, m, 2)
			got := grads(m)
			for _, p := range m.Params().Trainable() {
				moments := make([]float32, p.Len())
				m.Backend().Read(moments, p.V)
				got[p.Name+" V"] = moments
			}
			if want == nil {
				want = got
				continue
			}
			for p, g := range got {
				if !slices.Equal(g, want[p]) {
					t.Errorf("%s: %s differs", name, p)
				}
			}
		}
	}
}

// TestHostBytes: what a model takes of the host's memory is what was planned, and less of the device.
func TestHostBytes(t *testing.T) {
	o := options(planner, kernels.BF16)
	o.Again = []model.Again{{Attention: true, MLP: true, Offload: true}}
	b := gpu(t)
	m := newShaped(t, b, deep(), o)
	if got, want := m.HostBytes(111), int64(3*(111*2*16+32)); got != want { // 32: to 64 bytes
		t.Errorf("%d bytes of the host, want %d", got, want)
	}
	kept := o
	kept.Again = []model.Again{{Attention: true, MLP: true}}
	all, _, err := m.GradientBytes(1000)
	if err != nil {
		t.Fatal(err)
	}
	more, _, err := newShaped(t, b, deep(), kept).GradientBytes(1000)
	if err != nil {
		t.Fatal(err)
	}
	// Of five inputs two are left, and the last layer's output.
	if saved := more - all; saved != 3*1000*2*16 {
		t.Errorf("%d bytes are saved, want those of three layers' inputs, %d", saved, 3*1000*2*16)
	}
}

// TestNoPinnedMemory: a host that gives no pinned memory is said so, once, before the first step.
func TestNoPinnedMemory(t *testing.T) {
	o := options(planner, kernels.BF16)
	o.Again = []model.Again{{Attention: true, MLP: true, Offload: true}}
	m := newShaped(t, gpu(t), deep(), o)
	emulator.Fail("cuMemHostAlloc", 1, 2)
	defer emulator.Fail("cuMemHostAlloc", 0, 0)
	err := m.ReserveGradient(111)
	if err == nil || !strings.Contains(err.Error(), "pinned host memory: ") ||
		!strings.Contains(err.Error(), "ulimit -l") {
		t.Errorf("error %v", err)
	}
	walk(t, m, 1)
}

// TestPlannedPeakOffloaded is TestPlannedPeak with the host's memory in use.
func TestPlannedPeakOffloaded(t *testing.T) {
	o := options(nil, kernels.BF16)
	o.Again = []model.Again{{Attention: true, Output: true, MLP: true, Offload: true}}
	o.HostMoments, o.Spare = true, 8
	var counted []*cuda.Planner
	o.Planner = func() kernels.Backend {
		p := cuda.NewPlanner(cuda.Assumed())
		counted = append(counted, p)
		return p
	}
	wantPeak(t, deep(), o, &counted, 13, func(m *model.Model) { walk(t, m, 1) })
}
