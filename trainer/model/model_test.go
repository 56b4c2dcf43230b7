package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"longlora/kernels"
	"longlora/kernels/cpu"
	"longlora/kernels/pattern"
	"longlora/kernels/plan"
	"longlora/kernels/reference"
	"longlora/trainer/model/modeltest"
)

// small has every shape that differs from another: grouped-query attention, a vocabulary, a hidden
// size and an inner size that are no multiples of a tile.
var small = Config{
	Vocab: 37, Hidden: 24, Layers: 2, Heads: 6, KVHeads: 2, HeadDim: 6, FFN: 40, Eps: 1e-5,
}

func tied(c Config) Config {
	c.Tied = true
	return c
}

// rotary are the tables of the default kind, by its formula in float64.
func rotary(c Config) Rotary {
	return func(positions int) (cos, sin []float32) {
		half := c.HeadDim / 2
		for p := range positions {
			for j := range half {
				angle := float64(p) * math.Pow(10000, -2*float64(j)/float64(c.HeadDim))
				cos = append(cos, float32(math.Cos(angle)))
				sin = append(sin, float32(math.Sin(angle)))
			}
		}
		return cos, sin
	}
}

// loraPlus is the paper's set: adapters on attention, embedding and norms in full.
func loraPlus(c Config) Options {
	return Options{
		Context: 128, Rotary: rotary(c), Planner: planner, Training: true,
		LoRA:  &LoRA{Targets: []string{"q_proj", "k_proj", "v_proj", "o_proj"}, Rank: 3, Alpha: 6},
		Train: []string{"embed", "norm"},
	}
}

// everything trains all parameters and adapters on all linear layers.
func everything(c Config) Options {
	o := loraPlus(c)
	o.LoRA.Targets = Targets()
	o.Train = []string{TrainAll}
	return o
}

func planner() kernels.Backend { return plan.New() }

// eachBackend runs a test on every backend that computes.
func eachBackend(t *testing.T, f func(t *testing.T, b kernels.Backend)) {
	for _, name := range []string{"reference", "cpu"} {
		t.Run(name, func(t *testing.T) { f(t, open(t, name, 2)) })
	}
}

func open(t testing.TB, name string, threads int) kernels.Backend {
	t.Helper()
	var b kernels.Backend = reference.New()
	if name == "cpu" {
		var err error
		if b, err = cpu.New(threads); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// newModel returns a model with values all over: norms away from 1, adapters that are not zero.
func newModel(t testing.TB, b kernels.Backend, c Config, o Options) *Model {
	t.Helper()
	m, err := New(b, c, o)
	if err != nil {
		t.Fatal(err)
	}
	m.mlpRows = 16 // so that tests cross its borders
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	rng := rand.New(rand.NewPCG(7, 11))
	for _, p := range m.Params() {
		values := make([]float32, p.Len())
		for i := range values {
			values[i] = float32(0.3 * rng.NormFloat64())
			if p.Group == GroupNorm {
				values[i] += 1
			}
		}
		if err := m.SetParam(p, values); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// packed returns documents of those lengths under a pattern, with weights and a few tokens that are
// no targets.
func packed(c Config, seed uint64, how pattern.Pattern, group int, lens ...int32) *Batch {
	rng := rand.New(rand.NewPCG(seed, 3))
	b := &Batch{}
	for d, n := range lens {
		for p := range n {
			b.IDs = append(b.IDs, int32(rng.IntN(c.Vocab)))
			b.Positions = append(b.Positions, p)
			b.Weights = append(b.Weights, 1+0.5*float32(d))
		}
	}
	b.Targets = make([]int32, len(b.IDs))
	for t := range b.Targets {
		b.Targets[t] = -1
		if t+1 < len(b.IDs) && b.Positions[t+1] > 0 && rng.IntN(5) > 0 {
			b.Targets[t] = b.IDs[t+1]
		}
	}
	b.Segments = how(pattern.Layout{DocLens: lens, Heads: c.Heads, Group: group})
	return b
}

func gradient(t testing.TB, m *Model, scale float32, batches ...*Batch) float64 {
	t.Helper()
	m.ZeroGrads()
	var sum float64
	for _, b := range batches {
		s, err := m.Gradient(b, scale)
		if err != nil {
			t.Fatal(err)
		}
		sum += s
	}
	return sum
}

// grads returns a copy of every gradient.
func grads(m *Model) map[string][]float32 {
	all := map[string][]float32{}
	for _, p := range m.Params().Trainable() {
		g := make([]float32, p.Len())
		m.Backend().Read(g, p.Grad)
		all[p.Name] = g
	}
	return all
}

func wantClose(t *testing.T, got, want map[string][]float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Fatalf("%d gradients, want %d", len(got), len(want))
	}
	for name, w := range want {
		if d := modeltest.Distance(got[name], w); !(d <= tolerance) {
			t.Errorf("%s: relative distance %.3g, want at most %.3g", name, d, tolerance)
		}
	}
}

// TestParameters compares the list with the one that transformers and PEFT make for this shape.
func TestParameters(t *testing.T) {
	ps := list(small, loraPlus(small))
	for name, want := range map[string][]int{
		"model.layers.1.mlp.down_proj.weight":           {24, 40},
		"model.layers.0.self_attn.k_proj.lora_B.weight": {12, 3},
	} {
		if got := ps.Lookup(name).Shape(); !slices.Equal(got, want) {
			t.Errorf("%s: shape %v, want %v", name, got, want)
		}
	}
	// Embedding and head 2·37·24; a layer: q and o 2·36·24, k and v 2·12·24, MLP 3·40·24, norms
	// 2·24; the last norm 24. Adapters: q 3·(24+36), k and v 2·3·(24+12), o 3·(36+24).
	if got, want := ps.Base().Count(), int64(1776+2*(1728+576+2880+48)+24); got != want {
		t.Errorf("%d base parameters, want %d", got, want)
	}
	if got, want := ps.Trainable().Count(), int64(888+5*24+2*(180+216+180)); got != want {
		t.Errorf("%d trained parameters, want %d", got, want)
	}
	if list(tied(small), loraPlus(small)).Lookup(HeadName) != nil {
		t.Error("a tied model has a head of its own")
	}
}

// TestCPUMatchesReference holds losses and every gradient of the float32 backend against those of
// the float64 one.
func TestCPUMatchesReference(t *testing.T) {
	for _, c := range []Config{small, tied(small)} {
		for _, e := range pattern.Table() {
			t.Run(fmt.Sprintf("tied=%v/%s", c.Tied, e.Name), func(t *testing.T) {
				b := packed(c, 1, e.Pattern, 8, 29, 1, 17)
				fast := newModel(t, open(t, "cpu", 2), c, everything(c))
				exact := newModel(t, open(t, "reference", 1), c, everything(c))
				got, want := gradient(t, fast, 0.1, b), gradient(t, exact, 0.1, b)
				// A gradient passes some 40 operators, forward and backward. Each errs by 2^-24 times the
				// root of its sums' lengths, about 7; independent, that makes 7·sqrt(40), about 44. The
				// softmax's gradient is a difference of near values, which multiplies by a few: 256.
				const tolerance = 256 * 0x1p-24
				if d := math.Abs(got-want) / want; d > tolerance {
					t.Errorf("loss %g, want %g: relative distance %.3g", got, want, d)
				}
				wantClose(t, grads(fast), grads(exact), tolerance)
			})
		}
	}
}

// TestPackedEqualsUnpacked: documents packed into one batch have the losses and gradients of the
// documents alone, and any split into micro-batches has those of one batch.
func TestPackedEqualsUnpacked(t *testing.T) {
	eachBackend(t, func(t *testing.T, b kernels.Backend) {
		c := tied(small)
		m := newModel(t, b, c, everything(c))
		for _, e := range pattern.Table() {
			lens := []int32{13, 7, 1, 20}
			whole := packed(c, 5, e.Pattern, 6, lens...)
			var parts []*Batch
			var from int32
			for _, n := range lens {
				to := from + n
				parts = append(parts, &Batch{
					IDs: whole.IDs[from:to], Positions: whole.Positions[from:to],
					Targets: whole.Targets[from:to], Weights: whole.Weights[from:to],
					Segments: e.Pattern(pattern.Layout{DocLens: []int32{n}, Heads: c.Heads, Group: 6}),
				})
				from = to
			}
			loss := gradient(t, m, 1, whole)
			want := grads(m)
			got := gradient(t, m, 1, parts...)
			// Only the order of sums over tokens differs: 41 terms, errors of 2^-24 each.
			const tolerance = 41 * 0x1p-24
			if d := math.Abs(got-loss) / loss; d > tolerance {
				t.Errorf("%s: loss %g unpacked, %g packed", e.Name, got, loss)
			}
			wantClose(t, grads(m), want, tolerance)
		}
	})
}

// TestNoLeak changes one token and requires that nothing before it changes in a single bit.
func TestNoLeak(t *testing.T) {
	eachBackend(t, func(t *testing.T, b kernels.Backend) {
		c := tied(small)
		o := loraPlus(c)
		o.Training, o.Context = false, 256
		m := newModel(t, b, c, o)
		last := int32(67)
		if b.Name() == "reference/float64" {
			last = 20 // naive: its time grows with the square
		}
		for _, e := range pattern.Table() {
			for n := int32(1); n <= last; n++ {
				noLeak(t, m, e, n)
			}
			for _, n := range []int32{127, 128, 129} { // around the tiles of kernels
				noLeak(t, m, e, n)
			}
		}
	})
}

func noLeak(t *testing.T, m *Model, e pattern.Entry, n int32) {
	t.Helper()
	lens, vocab := []int32{n}, m.config.Vocab
	if n%3 == 2 {
		lens = []int32{n / 2, n - n/2}
	}
	batch := packed(m.config, uint64(n), e.Pattern, 1+int(n)%9, lens...)
	before := modeltest.Logits(t, m, batch)
	with := func(at int32, f func(after []float32)) {
		old := batch.IDs[at]
		batch.IDs[at] = (old + 1) % int32(vocab)
		f(modeltest.Logits(t, m, batch))
		batch.IDs[at] = old
	}
	for _, at := range []int32{0, n / 2, n - 1} {
		with(at, func(after []float32) {
			if !slices.Equal(before[:int(at)*vocab], after[:int(at)*vocab]) {
				t.Fatalf("%s, documents %v: token %d changes what is before it", e.Name, lens, at)
			}
			if slices.Equal(before[int(at)*vocab:], after[int(at)*vocab:]) {
				t.Fatalf("%s, documents %v: token %d changes nothing", e.Name, lens, at)
			}
		})
	}
	if len(lens) == 2 {
		with(lens[0]-1, func(after []float32) {
			if at := int(lens[0]) * vocab; !slices.Equal(before[at:], after[at:]) {
				t.Fatalf("%s, documents %v: the second sees the first", e.Name, lens)
			}
		})
	}
}

// policies are ways to train: everything kept, nothing, parts, and layers that differ.
func policies() [][]Again {
	return [][]Again{
		nil, {{Attention: true, MLP: true}}, {{Rows: true}}, {{MLP: true}}, {{Attention: true}},
		{{MLP: true, Rows: true}, {}}, {{Attention: true, Rows: true}, {Rows: true}},
		{{Attention: true, Output: true, MLP: true}, {Attention: true, Output: true}},
	}
}

// TestAgainHasTheSameBits, also with another number of threads and with dropout.
func TestAgainHasTheSameBits(t *testing.T) {
	c := tied(small)
	var want map[string][]float32
	var loss float64
	for _, threads := range []int{1, 2, 3} {
		for _, again := range policies() {
			o := everything(c)
			o.Again, o.LoRA.Dropout = again, 0.3
			m := newModel(t, open(t, "cpu", threads), c, o)
			b := packed(c, 2, pattern.S2, 16, 40, 33)
			b.Seed = 99
			s := gradient(t, m, 0.25, b)
			if want == nil {
				loss, want = s, grads(m)
				continue
			}
			if s != loss {
				t.Errorf("threads %d, again %v: loss %g, want %g", threads, again, s, loss)
			}
			for name, g := range grads(m) {
				if !slices.Equal(g, want[name]) {
					t.Errorf("threads %d, again %v: %s differs", threads, again, name)
				}
			}
		}
	}
}

// TestDecoderMatchesForward: prompt in chunks, then token by token, gives the logits of a forward
// pass over the whole.
func TestDecoderMatchesForward(t *testing.T) {
	eachBackend(t, func(t *testing.T, b kernels.Backend) {
		c := small
		o := loraPlus(c)
		o.Training = false
		m := newModel(t, b, c, o)
		batch := packed(c, 4, pattern.Full, 0, 60)
		want := modeltest.Logits(t, m, batch)
		d, err := m.NewDecoder(64, 7)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		for _, prompt := range []int{1, 6, 7, 8, 50} {
			d.Truncate(0)
			for n := prompt; n <= 60; n++ {
				from := d.Len()
				got, err := d.Read(batch.IDs[from:n]...)
				if err != nil {
					t.Fatal(err)
				}
				// The same sums in another order: of up to 60 terms.
				if dist := modeltest.Distance(got, want[(n-1)*c.Vocab:n*c.Vocab]); dist > 60*0x1p-24 {
					t.Fatalf("prompt %d, token %d: relative distance %.3g", prompt, n, dist)
				}
			}
		}
		if _, err := d.Read(make([]int32, 5)...); err == nil {
			t.Error("more tokens than the capacity are taken")
		}
	})
}

// TestLossesMatchLogits computes the loss from the logits.
func TestLossesMatchLogits(t *testing.T) {
	eachBackend(t, func(t *testing.T, b kernels.Backend) {
		m := newModel(t, b, small, everything(small))
		batch := packed(small, 6, pattern.S2, 4, 31, 9)
		losses, err := m.Losses(batch)
		if err != nil {
			t.Fatal(err)
		}
		logits := modeltest.Logits(t, m, batch)
		for i, target := range batch.Targets {
			want := 0.0
			if target >= 0 {
				row := logits[i*small.Vocab : (i+1)*small.Vocab]
				var sum float64
				for _, v := range row {
					sum += math.Exp(float64(v))
				}
				want = math.Log(sum) - float64(row[target])
			}
			// Logits of size up to 8 carry errors of some 8·2^-24 each, the loss twice that.
			if math.Abs(float64(losses[i])-want) > 32*0x1p-24*(1+want) {
				t.Errorf("token %d: loss %g, want %g", i, losses[i], want)
			}
		}
	})
}

// exactLoss is Σ weights·losses in float64, which Losses would round.
func exactLoss(t *testing.T, m *Model, b *Batch) (sum float64) {
	t.Helper()
	if err := m.reserve(useLosses, len(b.IDs)); err != nil {
		t.Fatal(err)
	}
	defer m.work.arena.Release(m.work.arena.Mark())
	p := m.begin(b, 0)
	h, _ := m.newHead(b, m.hidden(&p))
	m.lossGradient(&h, kernels.Tensor{}, 1, 0)
	for i, l := range m.b.(*reference.Backend).ReadFloat64(h.losses) {
		sum += float64(m.work.scored.weights[i]) * l
	}
	return sum
}

// TestGradientsByDifferences derives the loss of the float64 backend numerically along a random
// direction d of each parameter: (L(p+hd) - L(p-hd)) / 2h. With h = 2^-17 and |d| = 1 an element,
// the formula leaves h²/6 times a third derivative, and rounding leaves 2^-53·L/h with L about 100:
// both some 1e-9; 1e-6 of the gradient's mass along d holds either.
func TestGradientsByDifferences(t *testing.T) {
	for _, c := range []Config{small, tied(small)} {
		byDifferences(t, c, everything(c))
	}
}

// byDifferences is TestGradientsByDifferences for a model. DoRA's norms stay as they were: they are
// constants to the gradient.
func byDifferences(t *testing.T, c Config, o Options) {
	t.Helper()
	const h = 0x1p-17
	{
		batch := packed(c, 8, pattern.S2, 8, 19, 1, 12)
		b := reference.New()
		m := newModel(t, b, c, o)
		gradient(t, m, 1, batch)
		m.options.Training = !o.LoRA.DoRA // else the norms would be computed anew
		rng := rand.New(rand.NewPCG(1, 2))
		for _, p := range m.Params().Trainable() {
			values, analytic := b.ReadFloat64(p.Value), b.ReadFloat64(p.Grad)
			direction := make([]float64, len(values))
			var want, mass float64
			for i := range direction {
				direction[i] = float64(rng.IntN(2)*2 - 1)
				want += direction[i] * analytic[i]
				mass += math.Abs(analytic[i])
			}
			at := func(h float64) float64 {
				moved := make([]float64, len(values))
				for i := range moved {
					moved[i] = values[i] + h*direction[i]
				}
				b.WriteFloat64(p.Value, moved)
				return exactLoss(t, m, batch)
			}
			got := (at(h) - at(-h)) / (2 * h)
			b.WriteFloat64(p.Value, values)
			if !(math.Abs(got-want) <= 1e-6*mass) {
				t.Errorf("tied=%v %s: derivative %g, by differences %g, mass %g", c.Tied, p.Name, want,
					got, mass)
			}
		}
	}
}

// TestFrozenBF16 stores frozen matrices in half the memory; values that bf16 holds lose nothing.
func TestFrozenBF16(t *testing.T) {
	b := open(t, "cpu", 2)
	o := loraPlus(small)
	wide := newModel(t, b, small, o)
	o.Frozen = kernels.BF16
	narrow := newModel(t, b, small, o)
	for i, p := range wide.Params() {
		values := m16(wide.Values(p))
		for _, m := range []*Model{wide, narrow} {
			if err := m.SetParam(m.Params()[i], values); err != nil {
				t.Fatal(err)
			}
		}
	}
	batch := packed(small, 9, pattern.S2, 8, 50)
	got, want := gradient(t, narrow, 1, batch), gradient(t, wide, 1, batch)
	if math.Abs(got-want) > 64*0x1p-24*want {
		t.Errorf("loss %g, want %g", got, want)
	}
	wantClose(t, grads(narrow), grads(wide), 64*0x1p-24)
	a, _ := narrow.StateBytes()
	if full, _ := wide.StateBytes(); a >= full {
		t.Errorf("%d bytes of parameters, %d in f32", a, full)
	}
}

// m16 cuts values to 8 bits of precision.
func m16(values []float32) []float32 {
	for i, v := range values {
		values[i] = math.Float32frombits(math.Float32bits(v) &^ 0xffff)
	}
	return values
}

// TestRefusals: what the operators would not survive is an error that says where.
func TestRefusals(t *testing.T) {
	m := newModel(t, open(t, "reference", 1), small, loraPlus(small))
	good := func() *Batch { return packed(small, 1, pattern.Full, 0, 10) }
	for _, c := range []struct {
		name string
		harm func(*Batch)
	}{
		{"id", func(b *Batch) { b.IDs[3] = 37 }},
		{"negative id", func(b *Batch) { b.IDs[3] = -1 }},
		{"target", func(b *Batch) { b.Targets[3] = 40 }},
		{"position", func(b *Batch) { b.Positions[9] = 128 }},
		{"lengths", func(b *Batch) { b.Weights = b.Weights[1:] }},
		{"segments", func(b *Batch) { b.Segments = Full(9, small.Heads, 0) }},
		{"empty", func(b *Batch) { *b = Batch{} }},
	} {
		b := good()
		c.harm(b)
		if _, err := m.Gradient(b, 1); err == nil {
			t.Errorf("%s: taken", c.name)
		}
	}
	if err := m.SetParam(m.Params()[0], make([]float32, 5)); err == nil {
		t.Error("values of another shape are taken")
	}
}
