package train

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"longlora/kernels/cpu"
	"longlora/trainer/checkpoint"
	"longlora/trainer/data"
	"longlora/trainer/model"
	"longlora/trainer/optimizer"
)

// few is the number of elements from which on the tests' models have moments in eight bits.
const few = 64

// modelFor is modelWith with other options of the model.
func modelFor(t testing.TB, threads int, change func(*model.Options)) *model.Model {
	t.Helper()
	b, err := cpu.New(threads)
	if err != nil {
		t.Fatal(err)
	}
	o := newModel(t, 1).Options()
	change(&o)
	m, err := model.New(b, shape, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := m.Init(5); err != nil {
		t.Fatal(err)
	}
	return m
}

// variants are options that change what a run comes to.
var variants = []struct {
	name  string
	model func(*model.Options)
	loop  func(*Loop)
}{
	{"rates", nil, func(l *Loop) {
		l.Rates = Rates{LR: map[string]float64{"embed": 1e-3}, Ratio: 4,
			Decay: map[string]float64{"norm": 0.1, "lora_a": 0.2}}
	}},
	{"wsd", nil, func(l *Loop) { l.Kind, l.Schedule.Decay = "wsd", 6 }},
	{"documents", nil, func(l *Loop) { l.PerDocument = true }},
	{"noise", func(o *model.Options) { o.Noise = 5 }, nil},
	{"eight bits", func(o *model.Options) { o.MomentsBelow = few }, nil},
}

// TestResumeVariants stops runs with each of the options, and goes on with other threads; each option
// makes a difference.
func TestResumeVariants(t *testing.T) {
	plain := stopAndGoOn(t, nil, prepare)
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			end := stopAndGoOn(t, []int{4, 9}, func(t testing.TB, dir string, threads int) *Loop {
				change := v.model
				if change == nil {
					change = func(*model.Options) {}
				}
				m := modelFor(t, threads, change)
				l := prepareWith(t, dir, m, func(l *Loop) {
					if v.loop != nil {
						v.loop(l)
					}
				})
				return l
			})
			if slices.Equal(end[model.EmbedName], plain[model.EmbedName]) {
				t.Error("the option makes no difference")
			}
		})
	}
}

// prepareWith is prepareModel with changes made before anything is restored.
func prepareWith(t testing.TB, dir string, m *model.Model, change func(*Loop)) *Loop {
	t.Helper()
	var moments *optimizer.Moments
	if m.Options().MomentsBelow > 0 {
		var err error
		if moments, err = optimizer.New(m); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { moments.Close() }) //nolint:errcheck // of memory
	}
	l := prepareMoments(t, dir, m, moments)
	change(l)
	return l
}

// TestEightBitsLearn: the loss falls as it does with moments of 32 bits.
func TestEightBitsLearn(t *testing.T) {
	var last [2]float64
	for i, below := range []int{0, few} {
		m := modelFor(t, 1, func(o *model.Options) { o.MomentsBelow = below })
		l := prepareWith(t, t.TempDir(), m, func(l *Loop) {
			l.Observe = func(m Metrics) error { last[i] = m.Loss; return nil }
		})
		if err := l.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	// The published runs differ by less than their seeds do; here, by less than a hundredth of the loss,
	// which falls by a twentieth (TestTrainingLearns).
	if d := math.Abs(last[1]-last[0]) / last[0]; last[0] == last[1] || d > 0.01 {
		t.Errorf("loss %g in eight bits, %g in 32", last[1], last[0])
	}
}

// TestRates follows every parameter's learning rate and decay.
func TestRates(t *testing.T) {
	m := newModel(t, 1)
	o := Options{Schedule: Schedule{Peak: 2e-3}, WeightDecay: 0.01}
	o.Rates = Rates{Ratio: 16, LR: map[string]float64{"embed": 1e-3, "lora": 4e-3, "norm": 0},
		Decay: map[string]float64{"lora_b": 0.5}}
	const now = 1e-3 // half the peak
	for name, want := range map[string][2]float64{
		model.EmbedName: {0.5e-3, 0.01},
		model.NormName:  {0, 0},
		model.Module(0, "self_attn.q_proj") + model.LoRAA: {2e-3, 0.01},
		model.Module(1, "mlp.up_proj") + model.LoRAB:      {32e-3, 0.5},
	} {
		p := m.Params().Lookup(name)
		got := [2]float64{o.rate(p, now), o.decay(p)}
		for i := range got { // a product and a quotient of two numbers
			if math.Abs(got[i]-want[i]) > 1e-15 {
				t.Errorf("%s: rate and decay %v, want %v", name, got, want)
			}
		}
	}
	// A rate of lora_b goes before the ratio.
	o.Rates.LR["lora_b"] = 6e-3
	p := m.Params().Lookup(model.Module(1, "mlp.up_proj") + model.LoRAB)
	if got := o.rate(p, now); math.Abs(got-3e-3) > 1e-15 {
		t.Errorf("rate of lora_b %g, want 0.003", got)
	}
	err := Rates{LR: map[string]float64{"ebmed": 1, "norm": -1}, Ratio: math.NaN()}.Validate()
	for _, want := range []string{`unknown group "ebmed"`, "group_lr of norm is -1", "lora_plus is NaN"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}

// TestPerDocument: each document's weights sum to its own weight.
func TestPerDocument(t *testing.T) {
	r := &data.Row{
		IDs: make([]int32, 7), DocLens: []int32{4, 2, 1}, Targets: []int32{1, 1, -1, -1, 1, -1, -1},
		Weights: []float32{3, 3, 3, 3, 0.5, 0.5, 9},
	}
	r.PerDocument()
	want := []float32{1.5, 1.5, 3, 3, 0.5, 0.5, 9}
	if !slices.Equal(r.Weights, want) || r.Weight() != 3.5 {
		t.Errorf("weights %v, together %g; want %v and 3.5", r.Weights, r.Weight(), want)
	}
}

// judged returns a loop whose validations have these losses, one a step.
func judged(t testing.TB, dir string, losses []float64) *Loop {
	l := prepare(t, dir, 1)
	l.EvalEvery, l.SaveEvery, l.Keep = 1, 2, 1
	l.Validate = func() (float64, error) { return losses[l.State.Step-1], nil }
	return l
}

// TestFirstIsNoNumber: a first validation that is no number is not what later ones are held against.
func TestFirstIsNoNumber(t *testing.T) {
	l := judged(t, t.TempDir(), []float64{math.NaN(), 3, 4, 4})
	l.EarlyStop, l.KeepBest = 2, true
	if err := l.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := (checkpoint.Best{Step: 2, Loss: 3, Stale: 2}); *l.State.Best != want {
		t.Errorf("the best is %+v, want %+v", *l.State.Best, want)
	}
}

// TestEarlyStop: the run ends after so many validations that are no better; the best one's checkpoint
// stays; and it is all the same where it is stopped in between.
func TestEarlyStop(t *testing.T) {
	losses := []float64{9, 5, 4, 4.5, 3.95, 4.2, math.NaN(), 3.91, 1, 1, 1, 1, 1, 1}
	for _, c := range []struct {
		patience int
		delta    float64
		keep     bool
		end      int
		best     checkpoint.Best
	}{
		{3, 0, true, 14, checkpoint.Best{Step: 9, Loss: 1, Stale: 5}},
		{2, 0, true, 7, checkpoint.Best{Step: 5, Loss: 3.95, Stale: 2}},
		{3, 0.1, true, 6, checkpoint.Best{Step: 3, Loss: 4, Stale: 3}}, // 3.95 is not better by 0.1
		{0, 0, true, 14, checkpoint.Best{Step: 9, Loss: 1, Stale: 5}},
	} {
		if c.patience == 3 && c.delta == 0 { // ends by patience three steps after the best
			c.end, c.best.Stale = 12, 3
		}
		for _, stop := range []int{0, 3, 5, 6} {
			dir := t.TempDir()
			set := func(l *Loop) *Loop {
				l.EarlyStop, l.MinDelta, l.KeepBest = c.patience, c.delta, c.keep
				return l
			}
			if stop > 0 {
				ctx, cancel := context.WithCancel(context.Background())
				l := set(judged(t, dir, losses))
				l.Observe = func(m Metrics) error {
					if m.Step == stop {
						cancel()
					}
					return nil
				}
				if err := l.Run(ctx); err == nil {
					t.Fatal("the run was not interrupted")
				}
			}
			l := set(judged(t, dir, losses))
			if err := l.Run(context.Background()); err != nil {
				t.Fatal(err)
			}
			if l.State.Step != c.end || *l.State.Best != c.best {
				t.Errorf("patience %d: ended at %d with %+v, want %d with %+v", c.patience, l.State.Step,
					*l.State.Best, c.end, c.best)
			}
			dirs, err := filepath.Glob(filepath.Join(l.Checkpoints, "step-*"))
			want := []string{checkpoint.Step(l.Checkpoints, c.best.Step), checkpoint.Step(l.Checkpoints, c.end)}
			if err != nil || !slices.Equal(dirs, want) {
				t.Errorf("patience %d: checkpoints %v, want %v", c.patience, dirs, want)
			}
		}
	}
}
