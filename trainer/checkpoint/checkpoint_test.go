package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"longlora/kernels"
	"longlora/kernels/plan"
	"longlora/kernels/reference"
	"longlora/trainer/data"
	"longlora/trainer/model"
)

func newModel(t *testing.T, rank int, seed uint64) *model.Model {
	t.Helper()
	c := model.Config{
		Vocab: 11, Hidden: 8, Layers: 1, Heads: 2, KVHeads: 1, HeadDim: 4, FFN: 12, Eps: 1e-5, Tied: true,
	}
	m, err := model.New(reference.New(), c, model.Options{
		Context: 4, Planner: func() kernels.Backend { return plan.New() }, Training: true,
		Rotary: func(n int) (cos, sin []float32) { return make([]float32, 2*n), make([]float32, 2*n) },
		Train:  []string{"embed"}, LoRA: &model.LoRA{Targets: []string{"q_proj"}, Rank: rank, Alpha: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	if err := m.Init(seed); err != nil {
		t.Fatal(err)
	}
	for i, p := range m.Params().Trainable() {
		for k, x := range []kernels.Tensor{p.M, p.V} {
			values := make([]float32, x.Len())
			for j := range values {
				values[j] = float32(seed) + float32(100*i+10*k+j)/7
			}
			m.Backend().Write(x, values)
		}
	}
	return m
}

func bits(m *model.Model) map[string][]float32 {
	all := map[string][]float32{}
	for _, p := range m.Params().Trainable() {
		for name, x := range slots(p) {
			values := make([]float32, x.Len())
			m.Backend().Read(values, x)
			all[name] = values
		}
	}
	return all
}

func TestRoundTrip(t *testing.T) {
	root := t.TempDir()
	want := State{
		Step: 7, Position: data.Position{Epoch: 2, Index: 5}, Tokens: 1234, Backend: "reference/float64",
		Config: map[string]any{"lr": 1e-3, "train": []any{"embed"}},
	}
	m := newModel(t, 2, 1)
	dir, err := Save(root, m, nil, want, 0)
	if err != nil {
		t.Fatal(err)
	}
	if latest, err := Latest(root); err != nil || latest != dir {
		t.Errorf("latest %s, %v; want %s", latest, err, dir)
	}
	other := newModel(t, 2, 2)
	if reflect.DeepEqual(bits(other), bits(m)) {
		t.Fatal("the two models are equal before")
	}
	got, err := Restore(dir, other, nil)
	if err != nil {
		t.Fatal(err)
	}
	want.Version, want.SHA256 = got.Version, got.SHA256
	if !reflect.DeepEqual(got, want) {
		t.Errorf("state %+v, want %+v", got, want)
	}
	if !reflect.DeepEqual(bits(other), bits(m)) {
		t.Error("tensors differ")
	}
}

func TestKeepsTheNewest(t *testing.T) {
	root, m := t.TempDir(), newModel(t, 2, 1)
	for _, step := range []int{5, 999999, 1000000, 1000001} {
		if _, err := Save(root, m, nil, State{Step: step}, 2); err != nil {
			t.Fatal(err)
		}
	}
	got, err := list(root)
	if want := []string{"step-1000000", "step-1000001"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}

func TestLatestOfNone(t *testing.T) {
	if _, err := Latest(t.TempDir()); !errors.Is(err, ErrNone) {
		t.Errorf("error %v, want %v", err, ErrNone)
	}
}

// TestDamage: no byte of a checkpoint can change or be lost unseen, and nothing is restored then.
func TestDamage(t *testing.T) {
	root := t.TempDir()
	dir, err := Save(root, newModel(t, 2, 1), nil, State{Step: 1}, 0)
	if err != nil {
		t.Fatal(err)
	}
	tensors, state := filepath.Join(dir, tensorsName), filepath.Join(dir, stateName)
	for _, c := range []struct {
		name, path, want string
		harm             func([]byte) []byte
	}{
		{"flipped bit", tensors, "damaged", func(b []byte) []byte { b[len(b)-3] ^= 1; return b }},
		{"truncated", tensors, "damaged", func(b []byte) []byte { return b[:len(b)-4] }},
		{"no JSON", state, "invalid character", func([]byte) []byte { return []byte("x") }},
		{"version", state, "version 9", func(b []byte) []byte {
			return []byte(strings.Replace(string(b), `"version": 1`, `"version": 9`, 1))
		}},
	} {
		good, err := os.ReadFile(c.path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(c.path, c.harm(slices.Clone(good)), 0o666); err != nil {
			t.Fatal(err)
		}
		m := newModel(t, 2, 2)
		before := bits(m)
		if _, err := Restore(dir, m, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", c.name, err, c.want)
		}
		if !reflect.DeepEqual(bits(m), before) {
			t.Errorf("%s: the model changed", c.name)
		}
		if err := os.WriteFile(c.path, good, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	_, err = Restore(dir, newModel(t, 3, 1), nil)
	if err == nil || !strings.Contains(err.Error(), "shape") {
		t.Errorf("another rank: error %v", err)
	}
}

func TestDifferences(t *testing.T) {
	then := State{Backend: "cpu/avx2", Config: map[string]any{
		"lr": 0.5, "steps": 3, "train": []string{"embed"}, "lora": map[string]any{"rank": 8},
	}}
	now := State{Backend: "cpu/avx512", Config: map[string]any{
		"lr": float32(0.5), "steps": 4.0, "train": []any{"embed"}, "lora": map[string]any{}, "new": "x",
	}}
	got, err := Differences(then, now)
	want := []string{
		`backend: "cpu/avx2" in the checkpoint, "cpu/avx512" now`,
		`lora.rank: 8 in the checkpoint, nothing now`,
		`new: nothing in the checkpoint, "x" now`,
		`steps: 3 in the checkpoint, 4 now`,
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %s, %v; want %s", fmt.Sprint(got), err, want)
	}
	if got, err := Differences(then, then); len(got) > 0 || err != nil {
		t.Errorf("of itself: %v, %v", got, err)
	}
}
