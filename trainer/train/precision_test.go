package train

import (
	"context"
	"math"
	"testing"

	"longlora/kernels"
	"longlora/kernels/cpu"
)

// TestPrecision holds the losses of a run in brain floats against those of the same run in float32.
func TestPrecision(t *testing.T) {
	curve := func(precision kernels.DType) (losses []float64) {
		b, err := cpu.Open(cpu.Options{Threads: 2, Precision: precision})
		if err != nil {
			t.Fatal(err)
		}
		l := prepareModel(t, t.TempDir(), modelOn(t, b, false))
		l.Observe = func(m Metrics) error {
			losses = append(losses, m.Loss)
			return nil
		}
		if err := l.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		return losses
	}
	exact, brain := curve(kernels.F32), curve(kernels.BF16)
	// A brain float errs by at most u = 2^-9. A logit passes 15 products one after another (seven a
	// layer, and the head), of two rounded operands each: as independent errors, sqrt(30)·u of its
	// size, which is sqrt(32) times that of an embedding's element: 0.02 at first, and at most the
	// learning rate more each step. A token's loss errs by the difference of two logits, the mean of
	// a step's 100 targets and more by a tenth of that. The weights, moved by gradients that err
	// alike, double it.
	logit := math.Sqrt(32) * (0.02 + 14*3e-3)
	tolerance := 2 * math.Sqrt2 * math.Sqrt(30) * 0x1p-9 * logit / 10
	equal, worst := true, 0.0
	for i := range exact {
		if d := math.Abs(brain[i] - exact[i]); !(d <= tolerance) {
			t.Errorf("step %d: loss %g, in float32 %g", i+1, brain[i], exact[i])
		}
		worst = max(worst, math.Abs(brain[i]-exact[i]))
		equal = equal && brain[i] == exact[i]
	}
	t.Logf("greatest difference %.3g, at most %.3g", worst, tolerance)
	if equal {
		t.Error("brain floats change no bit: they were not used")
	}
	if !(brain[len(brain)-1] < 0.98*brain[0]) {
		t.Errorf("loss goes from %g to %g", brain[0], brain[len(brain)-1])
	}
}
