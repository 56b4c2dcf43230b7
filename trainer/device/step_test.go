//go:build gpu

package device

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"longlora/kernels"
	"longlora/kernels/cpu"
	"longlora/kernels/cuda"
	"longlora/kernels/cuda/emulator"
	"longlora/kernels/pattern"
	"longlora/kernels/reference"
	"longlora/trainer/model"
	"longlora/trainer/rope"
)

func TestMain(m *testing.M) { emulator.Main(m) }

// shape has grouped-query attention whose key heads both halves of S2 share, and sizes that are no
// multiples of a tile.
var shape = model.Config{
	Vocab: 61, Hidden: 40, Layers: 2, Heads: 6, KVHeads: 2, HeadDim: 8, FFN: 72, Eps: 1e-5,
}

const context = 128

// options are the paper's: adapters on attention, embedding and norms in full.
func options(planner func() kernels.Backend, activations kernels.DType) model.Options {
	return model.Options{
		Context: context, Planner: planner, Training: true, Activations: activations,
		Frozen: kernels.BF16, Train: []string{"embed", "norm"},
		Rotary: rope.Spec{Kind: rope.Default, Theta: 10000, Factor: 1, Max: context}.Rotary(shape.HeadDim),
		LoRA: &model.LoRA{Targets: []string{"q_proj", "k_proj", "v_proj", "o_proj"}, Rank: 3,
			Alpha: 6},
	}
}

func planner() kernels.Backend { return cuda.NewPlanner(cuda.Assumed()) }

func gpu(t testing.TB) *cuda.Backend {
	t.Helper()
	b, err := Choice{GPU: true}.Open(cpu.Options{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b.(*cuda.Backend)
}

// newModel has values all over: norms away from 1, adapters that are not zero.
func newModel(t testing.TB, b kernels.Backend, o model.Options) *model.Model {
	t.Helper()
	return newShaped(t, b, shape, o)
}

func newShaped(t testing.TB, b kernels.Backend, c model.Config, o model.Options) *model.Model {
	t.Helper()
	m, err := model.New(b, c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	rng := rand.New(rand.NewPCG(7, 11))
	for _, p := range m.Params() {
		values := make([]float32, p.Len())
		for i := range values {
			v := float32(0.3 * rng.NormFloat64())
			if p.Group == model.GroupNorm {
				v++
			}
			values[i] = math.Float32frombits(math.Float32bits(v) &^ 0xffff) // bf16 holds it
		}
		if err := m.SetParam(p, values); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// packed is two documents under a pattern.
func packed(seed uint64, how pattern.Pattern) *model.Batch {
	rng := rand.New(rand.NewPCG(seed, 3))
	b := &model.Batch{Segments: how(pattern.Layout{
		DocLens: []int32{70, 41}, Heads: shape.Heads, Group: 24,
	})}
	for _, n := range []int{70, 41} {
		for i := range n {
			b.IDs = append(b.IDs, int32(rng.IntN(shape.Vocab)))
			b.Positions = append(b.Positions, int32(i))
			target := int32(rng.IntN(shape.Vocab))
			if i == n-1 || rng.IntN(5) == 0 {
				target = -1
			}
			b.Targets = append(b.Targets, target)
			b.Weights = append(b.Weights, 1)
		}
	}
	return b
}

// descend takes steps of AdamW and returns the losses.
func descend(t testing.TB, m *model.Model, steps int, how pattern.Pattern) (losses []float64) {
	t.Helper()
	for n := range steps {
		m.ZeroGrads()
		loss, err := m.Gradient(packed(uint64(n), how), 0.01)
		if err != nil {
			t.Fatalf("%v: %s", err, emulator.Message())
		}
		losses = append(losses, loss)
		for _, p := range m.Params().Trainable() {
			m.Backend().AdamW(p.Value, p.Grad, p.M, p.V, kernels.AdamWStep{LR: 1e-3, Beta1: 0.9,
				Beta2: 0.95, Eps: 1e-8, GradScale: 1, Step: n + 1})
		}
	}
	return losses
}

func grads(m *model.Model) map[string][]float32 {
	all := map[string][]float32{}
	for _, p := range m.Params().Trainable() {
		g := make([]float32, p.Len())
		m.Backend().Read(g, p.Grad)
		all[p.Name] = g
	}
	return all
}

// distances are those of vectors from others, relative to these: pooled over batches, and over the
// layers' tensors of one kind, so that they do not hang on one draw of roundings.
type distances struct{ got, plain, size float64 }

// pool is distances by the kind of tensor.
type pool map[string]*distances

func (p pool) add(name string, got, plain, want []float32) {
	kind := strings.NewReplacer("layers.0.", "", "layers.1.", "").Replace(name)
	d := p[kind]
	if d == nil {
		d = &distances{}
		p[kind] = d
	}
	square := func(x, y float32) float64 { return float64(x-y) * float64(x-y) }
	for i, w := range want {
		d.got += square(got[i], w)
		d.plain += square(plain[i], w)
		d.size += square(w, 0)
	}
}

// check allows twice the distance of plain code, and one rounding more.
func (p pool) check(t *testing.T, what string) {
	t.Helper()
	for kind, d := range p {
		of := func(sum float64) float64 { return math.Sqrt(sum / d.size) }
		if allowed := 2*of(d.plain) + 0x1p-9; !(of(d.got) <= allowed) {
			t.Errorf("%s of %s is %.3g away, allowed are %.3g", what, kind, of(d.got), allowed)
		}
	}
}

// judges are a model in float64, and one whose activations are rounded to brain floats by plain code.
func judges(t testing.TB) (exact, plain *model.Model) {
	return newModel(t, reference.New(), options(planner, 0)),
		newModel(t, reference.Naive(), options(planner, kernels.BF16))
}

// TestStep: the gradients of a whole model are at most twice as far from float64's as those of the
// same model in plain code with activations rounded to brain floats.
func TestStep(t *testing.T) {
	for _, e := range pattern.Table() {
		exact, plain := judges(t)
		tested := newModel(t, gpu(t), options(planner, kernels.BF16))
		all := pool{}
		for seed := range uint64(3) {
			var losses []float64
			for _, m := range []*model.Model{exact, plain, tested} {
				m.ZeroGrads()
				loss, err := m.Gradient(packed(seed, e.Pattern), 0.01)
				if err != nil {
					t.Fatalf("%v: %s", err, emulator.Message())
				}
				losses = append(losses, loss)
			}
			if d, allowed := math.Abs(losses[2]-losses[0]), 2*math.Abs(losses[1]-losses[0])+
				0x1p-8*losses[0]; !(d <= allowed) {
				t.Errorf("%s: loss %g, want %g within %g", e.Name, losses[2], losses[0], allowed)
			}
			want, rounded := grads(exact), grads(plain)
			for name, g := range grads(tested) {
				all.add(name, g, rounded[name], want[name])
			}
		}
		all.check(t, e.Name+": gradient")
	}
}

// TestTenSteps: after ten steps the updates of the tensors are at most twice as far from float64's as
// those of plain code in brain floats. All tensors are pooled: AdamW's first steps are of one length
// whatever the gradient, so that a few elements whose gradient is nothing but rounding decide how far
// a small tensor is.
func TestTenSteps(t *testing.T) {
	exact, plain := judges(t)
	tested := newModel(t, gpu(t), options(planner, kernels.BF16))
	start := map[string][]float32{}
	for _, p := range exact.Params().Trainable() {
		start[p.Name] = exact.Values(p)
	}
	for _, m := range []*model.Model{exact, plain, tested} {
		descend(t, m, 10, pattern.S2)
	}
	update := func(m *model.Model, name string) []float32 {
		v := m.Values(m.Params().Lookup(name))
		for i := range v {
			v[i] -= start[name][i]
		}
		return v
	}
	all := pool{}
	for name := range start {
		all.add("all", update(tested, name), update(plain, name), update(exact, name))
	}
	all.check(t, "update")
}

// TestAppended: with LoRA's products in the large ones, gradients are as near to float64's.
func TestAppended(t *testing.T) {
	exact, plain := judges(t)
	o := options(planner, kernels.BF16)
	o.Spare = 8
	o.Again = []model.Again{{Attention: true, MLP: true}, {Rows: true}}
	tested := newModel(t, gpu(t), o)
	all := pool{}
	for _, m := range []*model.Model{exact, plain, tested} {
		m.ZeroGrads()
		if _, err := m.Gradient(packed(1, pattern.S2), 0.01); err != nil {
			t.Fatalf("%v: %s", err, emulator.Message())
		}
	}
	want, rounded := grads(exact), grads(plain)
	for name, g := range grads(tested) {
		all.add(name, g, rounded[name], want[name])
	}
	all.check(t, "gradient")
}

// TestSameBits: neither a second run nor computing layers again changes a bit.
func TestSameBits(t *testing.T) {
	var want map[string][]float32
	var wantLosses []float64
	for _, again := range [][]model.Again{nil, nil, {{Attention: true, MLP: true}}, {{Rows: true}}} {
		o := options(planner, kernels.BF16)
		o.Again = again
		m := newModel(t, gpu(t), o)
		losses := descend(t, m, 2, pattern.S2)
		got := grads(m)
		if want == nil {
			want, wantLosses = got, losses
			continue
		}
		if !slices.Equal(losses, wantLosses) {
			t.Errorf("%v: losses are %v, want %v", again, losses, wantLosses)
		}
		for name, g := range got {
			if !slices.Equal(g, want[name]) {
				t.Errorf("%v: gradient of %s differs", again, name)
			}
		}
	}
}

// TestPlannedPeak: what a step reserves is what the planner says, to the byte.
func TestPlannedPeak(t *testing.T) {
	for _, again := range [][]model.Again{nil, {{Attention: true, MLP: true}}} {
		var counted []*cuda.Planner
		o := options(func() kernels.Backend {
			p := cuda.NewPlanner(cuda.Assumed())
			counted = append(counted, p)
			return p
		}, kernels.BF16)
		o.Again = again
		wantPeak(t, shape, o, &counted, 111, func(m *model.Model) { descend(t, m, 1, pattern.Full) })
	}
}

// wantPeak takes a step of so many tokens with the memory that the planners in counted planned.
func wantPeak(t *testing.T, c model.Config, o model.Options, counted *[]*cuda.Planner, tokens int,
	step func(*model.Model)) {
	t.Helper()
	b := gpu(t)
	m := newShaped(t, b, c, o)
	all, _, err := m.GradientBytes(tokens)
	if err != nil {
		t.Fatal(err)
	}
	var working cuda.Working
	for _, p := range *counted {
		working = working.Most(p.Working())
	}
	if err := b.Reserve(working); err != nil {
		t.Fatal(err)
	}
	step(m)
	values, training := m.StateBytes()
	planned := values + training + all + working.Device() + 2*4*context*int64(c.HeadDim/2)
	peak := b.Peak()
	if peak != planned {
		t.Errorf("%v: planned %d bytes, %d were reserved", o.Again, planned, peak)
	}
}

// TestNoRoom: a model that is too large for the limit is refused, and the device goes on.
func TestNoRoom(t *testing.T) {
	b, err := Choice{GPU: true}.Open(cpu.Options{}, cuda.Workspace+1000)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	_, err = model.New(b, shape, options(planner, kernels.BF16))
	if err == nil || !strings.Contains(err.Error(), "limit of 0.03 GiB") {
		t.Errorf("error %v, want one that names the limit", err)
	}
}

func TestParse(t *testing.T) {
	emulator.SetDevice(1, 90, 2<<30)
	for name, want := range map[string]string{
		"cpu": "cpu", "cuda": "cuda:0", "cuda:3": "cuda:3", "auto": "cuda:0",
	} {
		if c, err := Parse(name); err != nil || c.String() != want {
			t.Errorf("%q is %v, error %v, want %s", name, c, err, want)
		}
	}
	for _, name := range []string{"", "gpu", "cuda:", "cuda:-1", "cuda:x"} {
		if _, err := Parse(name); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
	if _, err := (Choice{GPU: true, Index: 3}).Info(); err == nil ||
		!strings.Contains(err.Error(), "the last is cuda:0") {
		t.Errorf("device 3 of 1 gives %v", err)
	}
}
