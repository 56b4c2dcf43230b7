package parity

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"longlora/trainer/family"
	"longlora/trainer/model"
	"longlora/trainer/model/modeltest"
)

// testCase is a case on a backend.
type testCase struct {
	name, backend string
	large         bool
}

// cases are those of scripts/oracle/parity.py and families.py. The reference backend is too slow for the large
// ones, and so is the race detector, which runs in short mode.
var cases = []testCase{
	{"small-full-training", "reference", false},
	{"small-s2-yarn", "reference", false},
	{"small-full-training", "cpu", false},
	{"small-s2-yarn", "cpu", false},
	{"small-tied-full-training", "cpu", false},
	{"small-dora", "reference", false},
	{"small-dora", "cpu", false},
	{"small-modules", "reference", false},
	{"small-modules", "cpu", false},
	{"full-512", "cpu", true},
	{"s2-512", "cpu", true},
	{"s2-2048", "cpu", true},
}

// allCases are cases and two of every family by families.py, which are small and run on both backends.
func allCases() []testCase {
	all := slices.Clone(cases)
	for _, f := range family.Table() {
		for _, kind := range []string{"full", "lora-s2"} {
			for _, backend := range []string{"reference", "cpu"} {
				all = append(all, testCase{"family-" + f.Type + "-" + kind, backend, false})
			}
		}
	}
	return all
}

// each runs a test on every case.
func each(t *testing.T, f func(t *testing.T, g *golden, m *model.Model, l limits)) {
	for _, c := range allCases() {
		if c.large && testing.Short() {
			continue
		}
		t.Run(c.name+"/"+c.backend, func(t *testing.T) {
			g := readGolden(t, c.name)
			f(t, g, g.model(t, newBackend(t, c.backend)), limitsOf(t, g, c.backend))
		})
	}
}

// limits are the differences allowed from PyTorch in float64.
type limits struct{ logits, loss, gradient float64 }

// limitsOf: float32 arithmetic may err twice as much as PyTorch's does in the same precision, in
// the worst of the cases of the same model: one run's error is a sample, which another order of
// summation changes. The float64 reference differs by what goes into it in float32, the rotary
// tables, where PyTorch's cosine and ours may differ in the last place, and by the golden values'
// own rounding to float32: a quarter of PyTorch's error.
func limitsOf(t *testing.T, g *golden, backend string) limits {
	f := 2.0
	if backend == "reference" {
		f = 0.25
	}
	var l limits
	for _, c := range allCases() {
		n := readGolden(t, c.name)
		if n.Model == g.Model && bytes.Equal(n.Config["model_type"], g.Config["model_type"]) {
			l.logits = max(l.logits, f*n.Naive.Logits)
			l.loss = max(l.loss, f*n.Naive.Losses)
			l.gradient = max(l.gradient, f*n.Naive.Gradient)
		}
	}
	return l
}

func TestLogits(t *testing.T) {
	each(t, func(t *testing.T, g *golden, m *model.Model, l limits) {
		vocab := m.Config().Vocab
		probe, want := widen(uniform("probe", vocab)), g.tensor(t, "probe")
		rows := g.tensor(t, "logits")
		var mass float64 // of the probe: a row's product errs by at most so many times a logit
		for _, p := range probe {
			mass += math.Abs(p)
		}
		var worst float64
		err := m.Logits(g.batch(m.Config().Heads), func(token int, logits []float32) error {
			var product float64
			for v, x := range logits {
				product += float64(x) * probe[v]
			}
			// The stored product is rounded to float32.
			if d := math.Abs(product - want[token]); d > mass*l.logits+math.Abs(product)*0x1p-23 {
				t.Errorf("token %d: product with the probe %v, want %v", token, product, want[token])
			}
			for i, row := range g.Rows {
				if row == token {
					worst = max(worst, furthest(logits, rows[i*vocab:(i+1)*vocab]))
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("logits differ by at most %.2g, allowed %.2g", worst, l.logits)
		if worst > l.logits {
			t.Errorf("logits differ by %g, at most %g is rounding", worst, l.logits)
		}
	})
}

func furthest(got []float32, want []float64) float64 {
	var worst float64
	for i, w := range want {
		worst = max(worst, math.Abs(float64(got[i])-w))
	}
	return worst
}

func TestLossAndGradients(t *testing.T) {
	each(t, func(t *testing.T, g *golden, m *model.Model, l limits) {
		m.ZeroGrads()
		n := float64(len(g.IDs) - 1)
		sum, err := m.Gradient(g.batch(m.Config().Heads), float32(1/n))
		if err != nil {
			t.Fatal(err)
		}
		loss := math.Abs(sum/n/g.Losses[0] - 1)
		if loss > l.loss {
			t.Errorf("loss %v, want %v", sum/n, g.Losses[0])
		}
		trained := m.Params().Trainable()
		if want := countPrefix(g, "gradient."); len(trained) != want {
			t.Errorf("%d trained tensors, PyTorch trains %d", len(trained), want)
		}
		var worst float64
		for _, p := range trained {
			got := make([]float32, p.Len())
			m.Backend().Read(got, p.Grad)
			d := modeltest.Distance(sketch(p.Name, widen(got)), g.tensor(t, "gradient."+p.Name))
			worst = max(worst, d)
			if d > l.gradient {
				t.Errorf("gradient of %s differs by %.2g, allowed %.2g", p.Name, d, l.gradient)
			}
		}
		t.Logf("loss differs by %.2g, gradients by at most %.2g; allowed %.2g and %.2g", loss, worst,
			l.loss, l.gradient)
	})
}

func countPrefix(g *golden, prefix string) int {
	n := 0
	for _, info := range g.file.Tensors() {
		if len(info.Name) > len(prefix) && info.Name[:len(prefix)] == prefix {
			n++
		}
	}
	return n
}
