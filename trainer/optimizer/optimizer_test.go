package optimizer

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"longlora/kernels"
	"longlora/kernels/cpu"
	"longlora/kernels/plan"
	"longlora/trainer/model"
)

// golden is what scripts/oracle/optimizer.py wrote.
type golden struct {
	Signed, Positive, Start, End []float32
	First, Second                []int
	FirstGreatest                []float32 `json:"first_greatest"`
	SecondGreatest               []float32 `json:"second_greatest"`
	Steps                        int
	LR, Beta1, Beta2, Eps, Decay float32
}

func readGolden(t *testing.T) (g golden) {
	t.Helper()
	data, err := os.ReadFile("testdata/adamw8bit.json")
	if err == nil {
		err = json.Unmarshal(data, &g)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestCodes: the values are those of bitsandbytes. Its bounds come from a product with a step, ours
// from a quotient, and the mean of two is taken with and without rounding: two units of the last place.
func TestCodes(t *testing.T) {
	g := readGolden(t)
	for _, c := range []struct {
		name string
		code *code
		want []float32
	}{{"signed", newCode(true), g.Signed}, {"positive", newCode(false), g.Positive}} {
		for i, want := range c.want {
			if d := math.Abs(float64(c.code.values[i] - want)); d > 2*0x1p-23*math.Abs(float64(want)) {
				t.Errorf("%s %d: %g, want %g", c.name, i, c.code.values[i], want)
			}
		}
		if !slices.IsSorted(c.code.values[:]) || c.code.values[255] != 1 || len(c.want) != 256 {
			t.Errorf("%s values are not in order up to 1", c.name)
		}
	}
}

// TestNearest looks through all values.
func TestNearest(t *testing.T) {
	codes := map[bool]*code{true: newCode(true), false: newCode(false)}
	rapid.Check(t, func(t *rapid.T) {
		c := codes[rapid.Bool().Draw(t, "signed")]
		x := rapid.Float32Range(-1, 1).Draw(t, "x")
		best := math.Inf(1)
		for _, v := range c.values {
			best = min(best, math.Abs(float64(v)-float64(x)))
		}
		// A bound is rounded to float32: x may be taken for the next value within that.
		got := math.Abs(float64(c.values[c.nearest(x)]) - float64(x))
		if got > best+0x1p-23*math.Abs(float64(x)) {
			t.Fatalf("%g is %g off its value, the nearest %g", x, got, best)
		}
	})
}

// TestBlocks: a block keeps its greatest magnitude, and errs by no more than half the widest gap.
func TestBlocks(t *testing.T) {
	c := newCode(true)
	widest := float32(0)
	for i := range c.middle {
		widest = max(widest, c.values[i+1]-c.values[i])
	}
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.Float32Range(-1e3, 1e3), 1, Block).Draw(t, "block")
		codes, back := make([]uint8, len(x)), make([]float32, len(x))
		greatest := c.encode(codes, x)
		c.decode(back, codes, greatest)
		want := float32(0)
		for i, v := range x {
			want = max(want, v, -v)
			if d := max(back[i]-v, v-back[i]); d > widest*greatest*0.51 { // -1 is no value, -0.993 is
				t.Fatalf("%g is read as %g in a block up to %g", v, back[i], greatest)
			}
		}
		if greatest != want {
			t.Fatalf("the greatest magnitude is %g, want %g", greatest, want)
		}
	})
}

func newModel(t *testing.T) *model.Model {
	t.Helper()
	b, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	c := model.Config{Vocab: 150, Hidden: 4, Layers: 1, Heads: 2, KVHeads: 2, HeadDim: 2, FFN: 8, Eps: 1e-5}
	m, err := model.New(b, c, model.Options{
		Context: 8, Planner: func() kernels.Backend { return plan.New() }, Training: true,
		Rotary: func(n int) (cos, sin []float32) { return make([]float32, n), make([]float32, n) },
		Train:  []string{"embed", "norm"}, MomentsBelow: 600,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(m.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	})
	return m
}

// TestSteps takes bitsandbytes' ten steps.
func TestSteps(t *testing.T) {
	g, m := readGolden(t), newModel(t)
	s, err := New(m)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := m.Params().Lookup(model.EmbedName) // 600 elements
	if len(s.of) != 1 || s.of[p] == nil {
		t.Fatalf("%d parameters have moments in eight bits, want the embedding", len(s.of))
	}
	b := m.Backend()
	b.Write(p.Value, g.Start)
	grad := make([]float32, 600)
	for step := 1; step <= g.Steps; step++ {
		for i := range grad {
			k := (i*7919+step*104729+i*i*31)%2048 - 1024
			grad[i] = float32(math.Ldexp(float64(k), -(10 + i%5*3)))
		}
		b.Write(p.Grad, grad)
		err := s.Step(p, kernels.AdamWStep{LR: g.LR, Beta1: g.Beta1, Beta2: g.Beta2, Eps: g.Eps,
			WeightDecay: g.Decay, GradScale: 1, Step: step})
		if err != nil {
			t.Fatal(err)
		}
	}
	got := m.Values(p)
	own := s.of[p]
	other := 0
	for i := range got {
		// A step is a handful of float32 operations on numbers up to 1, ten times: 10·8·2^-24. Where a
		// moment lies so near a bound that a rounding decides, it is the next value: those are counted.
		first, second := int(own.first.codes[i])-g.First[i], int(own.second.codes[i])-g.Second[i]
		if first != 0 || second != 0 {
			other++
			continue
		}
		if d := math.Abs(float64(got[i] - g.End[i])); d > 80*0x1p-24 {
			t.Errorf("parameter %d: %g, want %g", i, got[i], g.End[i])
		}
	}
	if other > len(got)/100 {
		t.Errorf("%d of %d moments have another value", other, len(got))
	}
	t.Logf("%d of %d moments have another value", other, len(got))
	for i := range g.FirstGreatest {
		near(t, own.first.greatest[i], g.FirstGreatest[i])
		near(t, own.second.greatest[i], g.SecondGreatest[i])
	}
}

func near(t *testing.T, got, want float32) {
	t.Helper()
	if math.Abs(float64(got-want)) > 80*0x1p-24*math.Abs(float64(want)) {
		t.Errorf("greatest magnitude %g, want %g", got, want)
	}
}

// TestBytes: what is planned is what is held.
func TestBytes(t *testing.T) {
	m := newModel(t)
	s, err := New(m)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	held := int64(4*(len(s.first)+len(s.sec))) + s.arena.Peak()
	for _, p := range s.of {
		for _, moment := range []moment{p.first, p.second} {
			held += int64(len(moment.codes) + 4*len(moment.greatest))
		}
	}
	if want := Bytes(m.Params()); len(s.of) != 1 || held != want {
		t.Errorf("%d bytes are held, %d planned", held, want)
	}
}
