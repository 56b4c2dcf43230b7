//go:build gpu

package train

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"longlora/kernels"
	"longlora/kernels/cuda"
	"longlora/kernels/cuda/emulator"
	"longlora/trainer/checkpoint"
	"longlora/trainer/model"
)

func TestMain(m *testing.M) { emulator.Main(m) }

// onGPU returns a loop of small steps on the emulated GPU, at the newest checkpoint in dir if any.
func onGPU(t *testing.T, dir string) *Loop {
	t.Helper()
	b, err := cuda.Open(cuda.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var counted []*cuda.Planner
	c := shape
	c.Layers = 1
	m, err := model.New(b, c, model.Options{
		Context: 128, Rotary: rotary, Training: true, Train: []string{"embed", "norm"},
		Activations: kernels.BF16, Frozen: kernels.BF16,
		LoRA: &model.LoRA{Targets: []string{"q_proj", "o_proj"}, Rank: 2, Alpha: 4, Dropout: 0.1},
		Planner: func() kernels.Backend {
			counted = append(counted, cuda.NewPlanner(cuda.Assumed()))
			return counted[len(counted)-1]
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		emulator.Recover()
		if err := errors.Join(m.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	})
	if err := errors.Join(m.Init(5), m.ReserveGradient(64)); err != nil {
		t.Fatal(err)
	}
	var w cuda.Working
	for _, p := range counted {
		w = w.Most(p.Working())
	}
	if err := b.Reserve(w); err != nil {
		t.Fatal(err)
	}
	l := prepareModel(t, dir, m)
	l.Batch, l.MicroTokens, l.Steps, l.SaveEvery, l.Later = 1, 64, 5, 0, m.GradientLater
	return l
}

// TestGPULoop: a loop that hands each step over before it has the last one's results ends where one
// that waits for everything does, and its steps make the host wait for nothing but the step before.
func TestGPULoop(t *testing.T) {
	waits := onGPU(t, t.TempDir())
	waits.Later, waits.Steps, waits.Batch, waits.MicroTokens = nil, 9, 2, 40
	var losses []Metrics
	waits.Observe = func(m Metrics) error { losses = append(losses, m); return nil }
	if err := waits.Run(t.Context()); err != nil {
		t.Fatalf("%v: %s", err, emulator.Message())
	}
	l := onGPU(t, t.TempDir())
	l.Steps, l.Batch, l.MicroTokens = 9, 2, 40
	blocked := -1
	l.Observe = func(m Metrics) error {
		want := losses[m.Step-1]
		if m.Loss != want.Loss || float32(m.GradNorm) != float32(want.GradNorm) || m.Tokens != want.Tokens ||
			m.LR != want.LR || m.Epoch != want.Epoch || m.Targets != want.Targets {
			t.Errorf("step %d is %+v, want %+v", m.Step, m, want)
		}
		now := emulator.Calls("blocking")
		if m.Step > 6 && now != blocked { // memory for results in flight is there by then
			t.Errorf("step %d makes %d calls that block", m.Step, now-blocked)
		}
		blocked = now
		return nil
	}
	if err := l.Run(t.Context()); err != nil {
		t.Fatalf("%v: %s", err, emulator.Message())
	}
	wantEqual(t, state(l.Model), state(waits.Model))
	if l.State.Position != waits.State.Position || l.State.Tokens != waits.State.Tokens {
		t.Errorf("the run ends at %+v, want %+v", l.State, waits.State)
	}
}

// TestGPUInterrupted: a run that is stopped has saved the step that it had handed over.
func TestGPUInterrupted(t *testing.T) {
	want := onGPU(t, t.TempDir())
	if err := want.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	l := onGPU(t, dir)
	l.Observe = func(m Metrics) error {
		if m.Step == 3 {
			cancel()
		}
		return nil
	}
	if err := l.Run(ctx); !errors.Is(err, ErrInterrupted) {
		t.Fatalf("error %v", err)
	}
	if latest, _ := checkpoint.Latest(l.Checkpoints); filepath.Base(latest) != "step-000004" {
		t.Errorf("latest checkpoint %s, want that of the step that had been begun", latest)
	}
	l = onGPU(t, dir)
	if err := l.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, state(l.Model), state(want.Model))
}

// TestGPUDivergence: a loss that is no number ends the run, and nothing is updated by it, nor by the
// step that had been handed over after it.
func TestGPUDivergence(t *testing.T) {
	l := onGPU(t, t.TempDir())
	l.SaveEvery = 2
	var good map[string][]float32
	l.Observe = func(m Metrics) error {
		if m.Step != 3 { // step 4 has been handed over
			return nil
		}
		p := l.Model.Params().Lookup(model.NormName)
		values := l.Model.Values(p)
		values[0] = float32(math.Inf(1))
		l.Model.Backend().Write(p.Value, values)
		good = state(l.Model)
		return nil
	}
	err := l.Run(t.Context())
	if !errors.Is(err, ErrDiverged) || !strings.Contains(err.Error(), "step 5") ||
		!strings.Contains(err.Error(), "the last checkpoint, of step 4, is from before") {
		t.Errorf("error %v", err)
	}
	wantEqual(t, state(l.Model), good)
}

// TestGPUFailures: what goes wrong in mid-run is one error, and the run goes on from its last
// checkpoint to where it would have ended.
func TestGPUFailures(t *testing.T) {
	want := onGPU(t, t.TempDir())
	want.SaveEvery = 2
	if err := want.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		function string
		call     int
		code     int
		want     string
	}{
		{"cuLaunchKernel", 7, 719, "unspecified launch failure"}, // the device is lost
		{"cuEventSynchronize", 2, 719, "wait for Emulator: unspecified launch failure"},
		{"cuMemcpyHtoDAsync_v2", 1, 700, "copy a batch to the device"},
		{"cublasLtMatmul", 5, 14, "cublasLt's status 14"},
		{"cuMemcpyDtoHAsync_v2", 2, 214, "copy from the device"},
	} {
		t.Run(c.function, func(t *testing.T) {
			dir := t.TempDir()
			l := onGPU(t, dir)
			l.SaveEvery = 2
			l.Observe = func(m Metrics) error {
				if m.Step == 3 {
					emulator.Fail(c.function, c.call, c.code)
				}
				return nil
			}
			defer emulator.Fail(c.function, 0, 0)
			err := l.Run(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("error %v, want one with %q", err, c.want)
			}
			emulator.Fail(c.function, 0, 0)
			l = onGPU(t, dir)
			if l.SaveEvery = 2; l.State.Step == 0 {
				t.Fatal("no checkpoint is left")
			}
			if err := l.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			wantEqual(t, state(l.Model), state(want.Model))
		})
	}
}
