package model

import (
	"fmt"
	"strings"
	"testing"

	"longlora/kernels"
	"longlora/kernels/plan"
)

// TestPlanIsExact: what a call was planned to need is what it uses, to the byte, and what a model
// was said to hold is what it holds.
func TestPlanIsExact(t *testing.T) {
	eachBackend(t, func(t *testing.T, b kernels.Backend) {
		for _, again := range policies() {
			for _, options := range []func(Config) Options{loraPlus, everything} {
				o := options(small)
				o.Again = again
				m := newModel(t, b, small, o)
				for _, tokens := range []int{1, 13, 67} {
					wantExact(t, m, tokens)
				}
			}
		}
	})
}

// TestPlanOfMethods is TestPlanIsExact of methods that have parameters and working memory of their own.
func TestPlanOfMethods(t *testing.T) {
	for name, o := range methods(small) {
		t.Run(name, func(t *testing.T) {
			m := newModel(t, open(t, "cpu", 2), small, o)
			wantExact(t, m, 67)
		})
	}
}

func wantExact(t *testing.T, m *Model, tokens int) {
	t.Helper()
	batch := blank(tokens, m)
	batch.Weights[tokens-1] = 1
	for _, c := range []struct {
		name string
		use  use
		call func() error
	}{
		{"Gradient", useGradient, func() error { _, err := m.Gradient(batch, 1); return err }},
		{"Losses", useLosses, func() error { _, err := m.Losses(batch); return err }},
		{"Logits", useLogits, func() error { return m.Logits(batch, discard) }},
	} {
		planned, err := m.workBytes(c.use, tokens)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.resize(planned); err != nil {
			t.Fatal(err)
		}
		if err := c.call(); err != nil {
			t.Fatal(err)
		}
		if used := m.work.arena.Peak(); used != planned {
			t.Errorf("%s of %d tokens: planned %d bytes, used %d", c.name, tokens, planned, used)
		}
	}
	held := int64(0)
	for _, a := range m.arenas[:2] {
		held += a.Peak()
	}
	if values, training := m.StateBytes(); held != values+training {
		t.Errorf("state of %d and %d bytes, arenas hold %d", values, training, held)
	}
}

// TestPlanOfManyElements: where a tensor has more than 2^31 elements, what is kept of a token takes
// the memory that it takes in a small batch, and all memory is more than that.
func TestPlanOfManyElements(t *testing.T) {
	c := small
	c.FFN = 1 << 13
	const few, many = 1 << 12, 1 << 19 // gates of 2^25 and 2^32 elements
	o := loraPlus(c)
	o.Context = many
	o.Rotary = func(n int) (cos, sin []float32) {
		zeros := make([]float32, n*c.HeadDim/2)
		return zeros, zeros
	}
	m, err := New(plan.New(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	_, little, err := m.GradientBytes(few)
	if err != nil {
		t.Fatal(err)
	}
	all, much, err := m.GradientBytes(many)
	if err != nil {
		t.Fatal(err)
	}
	if want := little * (many / few); much != want || all <= much {
		t.Errorf("%d tokens keep %d of %d bytes, want %d", many, much, all, want)
	}
}

func TestContextIsBounded(t *testing.T) {
	for _, context := range []int{0, MaxContext + 1, 1 << 31, 1 << 40} {
		o := loraPlus(small)
		o.Context = context
		if _, err := New(plan.New(), small, o); err == nil ||
			!strings.Contains(err.Error(), fmt.Sprintf("context is %d, want 1 to", context)) {
			t.Errorf("context %d: %v", context, err)
		}
	}
}
