package oracle

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"longlora/kernels"
	"longlora/kernels/cpu"
	"longlora/kernels/difference"
	"longlora/kernels/pattern"
	"longlora/kernels/plan"
	"longlora/kernels/reference"
	"longlora/trainer/model"
	"longlora/trainer/rope"
)

// problem is a model and a batch, as the trainer has them and as the graph does.
type problem struct {
	config  model.Config
	options model.Options
	batch   *model.Batch
	spec    Spec
	params  Params
}

// row is documents in a row under shifted sparse attention in groups of group tokens, or under full
// attention if group is 0.
type row struct {
	lens   []int32
	group  int
	across bool
}

func (r row) String() string {
	return fmt.Sprintf("documents=%v,group=%d,across=%v", r.lens, r.group, r.across)
}

// rows are a single document and packed ones, an even and an odd group, and both flags; in short
// mode, the most intricate.
func rows() []row {
	packed := row{[]int32{7, 1, 6}, 3, false}
	if testing.Short() {
		return []row{packed}
	}
	return []row{
		packed, {[]int32{13}, 4, false}, {[]int32{7, 1, 6}, 4, true}, {[]int32{5, 8}, 0, false},
	}
}

// sees is the design's definition, token by token: S²-Attn shifts heads [H/2, H) by half a group.
func (r row) sees(heads int) func(head, i, j int) bool {
	var doc, place []int // of each token
	for d, n := range r.lens {
		for p := range int(n) {
			if r.across {
				d, p = 0, len(place)
			}
			doc, place = append(doc, d), append(place, p)
		}
	}
	return func(head, i, j int) bool {
		if j > i || doc[i] != doc[j] {
			return false
		}
		start, p, g := 0, place[i], r.group
		switch s := g / 2; {
		case g == 0:
		case head < heads/2:
			start = p / g * g
		case p >= s:
			start = s + (p-s)/g*g
		}
		return place[j] >= start
	}
}

func (r row) segments(heads int) kernels.Segments {
	l := pattern.Layout{DocLens: r.lens, Heads: heads, Group: r.group, Across: r.across}
	if r.group == 0 {
		return pattern.Full(l)
	}
	return pattern.S2(l)
}

// newProblem makes a model with grouped queries, interpolated positions and adapters on every
// linear layer, all of it trained. HeadDim and LoRA's numbers make the scales exact in float32.
func newProblem(r row, layers int, tied bool) *problem {
	c := model.Config{
		Vocab: 23, Hidden: 10, Layers: layers, Heads: 6, KVHeads: 2, HeadDim: 4, FFN: 14, Eps: 1e-5,
		Tied: tied,
	}
	interpolated := rope.Spec{Kind: rope.Linear, Theta: 10000, Factor: 4, Max: 64, Original: 16}
	p := &problem{config: c, options: model.Options{
		Context: 64, Rotary: interpolated.Rotary(c.HeadDim),
		Planner:  func() kernels.Backend { return plan.New() },
		LoRA:     &model.LoRA{Targets: model.Targets(), Rank: 2, Alpha: 4},
		Train:    []string{model.TrainAll},
		Training: true,
	}}
	rng := rand.New(rand.NewPCG(uint64(layers), 5))
	p.batch = r.batch(c, rng)
	p.spec = Spec{
		Layers: layers, Hidden: c.Hidden, Heads: c.Heads, KVHeads: c.KVHeads, HeadDim: c.HeadDim,
		FFN: c.FFN, Vocab: c.Vocab, Eps: float64(c.Eps), LoRAScale: 2, Tied: tied,
		Sees: r.sees(c.Heads),
	}
	cos, sin := p.options.Rotary(p.options.Context)
	half := c.HeadDim / 2
	for _, at := range p.batch.Positions {
		for j := range half {
			p.spec.Cos = append(p.spec.Cos, float64(cos[int(at)*half+j]))
			p.spec.Sin = append(p.spec.Sin, float64(sin[int(at)*half+j]))
		}
	}
	return p
}

// batch has a weight for each document; documents' last tokens and a few others have no target.
func (r row) batch(c model.Config, rng *rand.Rand) *model.Batch {
	b := &model.Batch{Segments: r.segments(c.Heads)}
	for d, n := range r.lens {
		for p := range n {
			target := int32(rng.IntN(c.Vocab))
			if p == n-1 || rng.IntN(5) == 0 {
				target = -1
			}
			b.IDs = append(b.IDs, int32(rng.IntN(c.Vocab)))
			b.Positions = append(b.Positions, p)
			b.Targets = append(b.Targets, target)
			b.Weights = append(b.Weights, 1+0.5*float32(d))
		}
	}
	return b
}

// weights returns the batch's, and their sum over its targets.
func (p *problem) weights() (all []float64, sum float64) {
	for t, w := range p.batch.Weights {
		all = append(all, float64(w))
		if p.batch.Targets[t] >= 0 {
			sum += float64(w)
		}
	}
	return all, sum
}

// newModel makes the model on a backend and gives it, and the graph, random values.
func (p *problem) newModel(t *testing.T, b kernels.Backend) *model.Model {
	t.Helper()
	m, err := model.New(b, p.config, p.options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	p.params = Params{}
	rng := rand.New(rand.NewPCG(7, 11))
	for _, param := range m.Params() {
		values, wide := make([]float32, param.Len()), make([]float64, param.Len())
		for i := range values {
			values[i] = float32(0.4 * rng.NormFloat64())
			if param.Group == model.GroupNorm {
				values[i]++
			}
			wide[i] = float64(values[i])
		}
		if err := m.SetParam(param, values); err != nil {
			t.Fatal(err)
		}
		p.params[param.Name] = wide
	}
	return m
}

// unit is the rounding error of a backend's arithmetic.
type unit float64

// eachBackend runs f on the backends that compute.
func eachBackend(t *testing.T, f func(t *testing.T, b kernels.Backend, u unit)) {
	t.Run("reference", func(t *testing.T) { f(t, reference.New(), 0x1p-53) })
	t.Run("cpu", func(t *testing.T) {
		b, err := cpu.New(2)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		f(t, b, 0x1p-24)
	})
}

// tolerance is that of relative L2 distances. A gradient passes some 40 operators, forward and
// backward. Each errs by the unit times the root of its sums' lengths, about 5; independent, that
// makes 5·sqrt(40), about 32. Gradients of softmax and of norms are differences of near values,
// which multiplies by a few: 256 units, 2.8e-14 in float64.
func (u unit) tolerance() float64 { return 256 * float64(u) }

// read returns a tensor's values, all of their bits.
func read(b kernels.Backend, x kernels.Tensor) []float64 {
	if r, ok := b.(*reference.Backend); ok {
		return r.ReadFloat64(x)
	}
	narrow, wide := make([]float32, x.Len()), make([]float64, x.Len())
	b.Read(narrow, x)
	for i, v := range narrow {
		wide[i] = float64(v)
	}
	return wide
}

// wantClose compares got with scale·want.
func wantClose(t *testing.T, name string, got, want []float64, scale, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d derivatives, want %d", name, len(got), len(want))
	}
	var distance, size float64
	for i, w := range want {
		w *= scale
		distance += (got[i] - w) * (got[i] - w)
		size += w * w
	}
	if relative := math.Sqrt(distance / size); !(relative <= tolerance) {
		t.Errorf("%s: relative distance %.3g, want at most %.3g", name, relative, tolerance)
	}
}

// TestModel holds loss and every gradient of a two-layer model against those that Gorgonia derives.
func TestModel(t *testing.T) {
	for _, tied := range []bool{false, true} {
		for _, r := range rows() {
			t.Run(fmt.Sprintf("tied=%v,%v", tied, r), func(t *testing.T) {
				eachBackend(t, func(t *testing.T, b kernels.Backend, u unit) {
					checkModel(t, newProblem(r, 2, tied), b, u)
				})
			})
		}
	}
}

func checkModel(t *testing.T, p *problem, b kernels.Backend, u unit) {
	m := p.newModel(t, b)
	weights, sum := p.weights()
	want, err := Gradients(p.spec, p.params, p.batch.IDs, p.batch.Targets, weights)
	if err != nil {
		t.Fatal(err)
	}
	loss, err := m.Gradient(p.batch, 1)
	if err != nil {
		t.Fatal(err)
	}
	// The model hands losses over as float32.
	if err := math.Abs(loss - sum*want.Loss); err > float64(unit(0x1p-24).tolerance())*loss {
		t.Errorf("loss %g, want %g", loss, sum*want.Loss)
	}
	if len(want.Gradients) != len(m.Params()) {
		t.Fatalf("%d gradients, want %d", len(m.Params()), len(want.Gradients))
	}
	for _, param := range m.Params() {
		got := read(b, param.Grad)
		wantClose(t, param.Name, got, want.Gradients[param.Name], sum, u.tolerance())
	}
}

// recorder keeps the loss that a model computes before it is rounded to float32.
type recorder struct {
	*reference.Backend
	loss float64
}

func (r *recorder) CrossEntropy(losses, dh, dw, h kernels.Tensor, l kernels.Linear,
	targets, weights kernels.Tensor, scale float32) {
	r.Backend.CrossEntropy(losses, dh, dw, h, l, targets, weights, scale)
	r.loss = difference.Weighted(r.ReadFloat64(weights), r.ReadFloat64(losses))
}

// TestModelAgainstDifferences derives the model's own loss numerically, by some elements of every
// parameter.
func TestModelAgainstDifferences(t *testing.T) {
	for _, tied := range []bool{false, true} {
		for _, r := range rows() {
			t.Run(fmt.Sprintf("tied=%v,%v", tied, r), func(t *testing.T) {
				checkDifferences(t, newProblem(r, 2, tied))
			})
		}
	}
}

func checkDifferences(t *testing.T, p *problem) {
	b := &recorder{Backend: reference.New()}
	m := p.newModel(t, b)
	if _, err := m.Gradient(p.batch, 1); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 0))
	for _, param := range m.Params() {
		values, gradient := b.ReadFloat64(param.Value), b.ReadFloat64(param.Grad)
		for range 3 {
			i := rng.IntN(len(values))
			name := fmt.Sprintf("%s %d", param.Name, i)
			difference.Check(t, name, values[i:i+1], gradient[i:i+1], func() float64 {
				b.WriteFloat64(param.Value, values)
				if _, err := m.Losses(p.batch); err != nil {
					t.Fatal(err)
				}
				return b.loss
			})
		}
		b.WriteFloat64(param.Value, values)
	}
}
