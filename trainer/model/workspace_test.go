package model

import (
	"testing"

	"longlora/kernels"
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
