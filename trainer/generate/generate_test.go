package generate

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"longlora/kernels"
	"longlora/kernels/cpu"
	"longlora/kernels/plan"
	"longlora/trainer/model"
	"longlora/trainer/rope"
)

// tiny is a model with random weights and grouped keys.
func tiny(t testing.TB, context int) *model.Model {
	t.Helper()
	b, err := cpu.New(2)
	if err != nil {
		t.Fatal(err)
	}
	c := model.Config{
		Vocab: 97, Hidden: 32, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 8, FFN: 48, Eps: 1e-6,
		Tied: true,
	}
	spec := rope.Spec{Kind: rope.Default, Theta: 10_000, Factor: 1, Max: context, Original: context}
	m, err := model.New(b, c, model.Options{
		Context: context, Rotary: spec.Rotary(c.HeadDim),
		Planner: func() kernels.Backend { return plan.New() },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(m.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	})
	if err := m.Init(7); err != nil {
		t.Fatal(err)
	}
	for _, p := range m.Params() { // larger logits: an untrained head is nearly indifferent
		if p.Name == model.EmbedName {
			b.Scale(p.Value, 20)
		}
	}
	return m
}

// uncached continues by running the whole sequence through the model for each token.
func uncached(t testing.TB, m *model.Model, prompt []int32, n int) (ids []int32) {
	t.Helper()
	all := slices.Clone(prompt)
	for range n {
		next := int32(-1)
		b := model.Document(all, m.Config().Heads)
		err := m.Logits(b, func(token int, row []float32) error {
			if token == len(all)-1 {
				next = model.Greatest(row)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		all, ids = append(all, next), append(ids, next)
	}
	return ids
}

func ramp(n int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(i*i*7+i) % 97
	}
	return ids
}

func TestCachedEqualsUncached(t *testing.T) {
	m := tiny(t, 700)
	for _, n := range []int{1, 2, 63, 64, 65, 513} { // around the tile sizes and the reading chunk
		got, err := Run(context.Background(), m, ramp(n), Options{MaxNew: 24}, Watch{})
		if err != nil {
			t.Fatal(err)
		}
		if want := uncached(t, m, ramp(n), 24); !slices.Equal(got, want) {
			t.Errorf("prompt of %d: got %v, want %v", n, got, want)
		}
	}
}

func TestRunStops(t *testing.T) {
	m := tiny(t, 100)
	all, err := Run(context.Background(), m, ramp(5), Options{MaxNew: 20}, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	stop := all[7]
	want := all[:slices.Index(all, stop)+1]
	unused := int32(0)
	for slices.Contains(all, unused) {
		unused++
	}
	got, err := Run(context.Background(), m, ramp(5),
		Options{MaxNew: 20, Stop: []int32{unused, stop}}, Watch{})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	_, err = Run(ctx, m, ramp(5), Options{MaxNew: 20}, Watch{Token: func(int32) error {
		if n++; n == 3 {
			cancel()
		}
		return nil
	}})
	if !errors.Is(err, context.Canceled) || n != 3 {
		t.Errorf("cancelled after token 3: %d tokens, %v", n, err)
	}
}

// TestRunIsWatched: a prompt's reading is told part by part and ends with the context, and a watcher
// that has enough ends a generation.
func TestRunIsWatched(t *testing.T) {
	m := tiny(t, 1300)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var read []int
	_, err := Run(ctx, m, ramp(1200), Options{MaxNew: 1}, Watch{Read: func(n int) {
		if read = append(read, n); n > 600 {
			cancel()
		}
	}})
	if want := []int{model.DefaultChunk, 2 * model.DefaultChunk}; !errors.Is(err, context.Canceled) ||
		!slices.Equal(read, want) {
		t.Errorf("read %v, %v; want %v", read, err, want)
	}
	n := 0
	ids, err := Run(context.Background(), m, ramp(5), Options{MaxNew: 20}, Watch{Token: func(int32) error {
		if n++; n == 4 {
			return ErrEnough
		}
		return nil
	}})
	if len(ids) != 4 || err != nil {
		t.Errorf("%d tokens, %v; want 4", len(ids), err)
	}
}

func TestRunRefuses(t *testing.T) {
	m := tiny(t, 16)
	for _, c := range []struct {
		prompt []int32
		o      Options
		want   string
	}{
		{nil, Options{MaxNew: 1}, "a prompt of 0 tokens"},
		{ramp(4), Options{}, "0 new ones"},
		{ramp(10), Options{MaxNew: 7}, "at most 16 together"},
		{[]int32{3, 97}, Options{MaxNew: 2}, "token 97 at 1 outside vocabulary 97"},
		{ramp(4), Options{MaxNew: 1, Sampling: Sampling{Temperature: -1}}, "temperature is -1"},
	} {
		_, err := Run(context.Background(), m, c.prompt, c.o, Watch{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q in it", c.o, err, c.want)
		}
	}
}

func TestSampledRunsRepeat(t *testing.T) {
	m := tiny(t, 100)
	run := func(seed uint64) []int32 {
		ids, err := Run(context.Background(), m, ramp(9),
			Options{MaxNew: 40, Sampling: Sampling{Temperature: 1, TopK: 20, Seed: seed}}, Watch{})
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	if one, again := run(1), run(1); !slices.Equal(one, again) {
		t.Errorf("one seed gives %v and %v", one, again)
	}
	if one, other := run(1), run(2); slices.Equal(one, other) {
		t.Errorf("two seeds give %v", one)
	}
}
